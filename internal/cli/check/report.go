package check

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Report is the result of all checks. The shape of its JSON is stable; see docs/api.md.
type Report struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is the result of one check.
type Check struct {
	// Name begins with the group, such as nats.
	Name string `json:"name"`
	// Status is ok, failed, or skipped after the failure of another check that it depends on.
	Status string `json:"status"`
	// Detail is the result, or the error of a failed check.
	Detail string `json:"detail"`
	// Hint is the remedy for a failure; empty otherwise.
	Hint string `json:"hint"`
	// Milliseconds is the duration of the check.
	Milliseconds int64 `json:"milliseconds"`
}

// The values of Check.Status.
const (
	OK      = "ok"
	Failed  = "failed"
	Skipped = "skipped"
)

// The checks of the connections, on which the others depend, and others that are named twice.
const (
	kubernetesName = "kubernetes"
	natsName       = "nats"
	registryName   = "registry"
	authName       = "registry auth"
	namespacesName = "kubernetes namespaces"
)

// Unreachable reports whether a server cannot be reached or refuses the credentials.
func (r Report) Unreachable() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool {
		return c.Status == Failed && slices.Contains([]string{kubernetesName, natsName, registryName, authName}, c.Name)
	})
}

// Failures counts the checks that are not ok, those that were skipped included.
func (r Report) Failures() int {
	count := 0
	for _, c := range r.Checks {
		if c.Status != OK {
			count++
		}
	}
	return count
}

// run runs checks one by one.
type run struct {
	Config
	checks []Check
}

// check runs a check and reports whether it succeeded. The hint is the remedy for a failure.
func (r *run) check(ctx context.Context, name, hint string, do func(context.Context) (detail string, err error)) bool {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	started := time.Now()
	detail, err := do(ctx)
	c := Check{Name: name, Status: OK, Detail: detail, Milliseconds: time.Since(started).Milliseconds()}
	if err != nil {
		c.Status, c.Detail, c.Hint = Failed, err.Error(), hint
	}
	r.checks = append(r.checks, c)
	return err == nil
}

// skip adds checks that are not run after the failure of another one.
func (r *run) skip(reason string, names ...string) {
	for _, name := range names {
		r.checks = append(r.checks, Check{Name: name, Status: Skipped, Detail: reason})
	}
}

// partPrefix begins the names of the checks of single permissions, of which another check is the sum.
const partPrefix = "kubernetes permission: "

// IsPart reports whether the check is a part of another one.
func IsPart(name string) bool { return strings.HasPrefix(name, partPrefix) }

// Group has the checks of one server.
type Group struct {
	Title  string
	Checks []Check
}

// Groups returns the checks by server, in their order.
func (r Report) Groups() []Group {
	groups := []Group{{Title: "Kubernetes"}, {Title: "Manifests"}, {Title: "NATS"}, {Title: "Registry"}}
	for _, c := range r.Checks {
		group := &groups[0]
		switch first, _, _ := strings.Cut(c.Name, " "); first {
		case "manifests":
			group = &groups[1]
		case natsName:
			group = &groups[2]
		case registryName:
			group = &groups[3]
		}
		group.Checks = append(group.Checks, c)
	}
	return slices.DeleteFunc(groups, func(g Group) bool { return len(g.Checks) == 0 })
}
