package cli

import (
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/contexts"
)

// localContext is the context that `ctl run` writes.
const localContext = "local"

// previousPort is the port of the embedded NATS server at the last start, by the context that it wrote; 0 if it is not known.
func (r *running) previousPort(c *cli.Context) int {
	if c.Bool("no-context") {
		return 0
	}
	file, err := contexts.Load(contexts.Path())
	if err != nil {
		return 0 // writing it reports the problem
	}
	u, err := url.Parse(file.Contexts[localContext]["NATS_URL"])
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port()) // 0 for none
	return port
}

// writeContext writes the configuration of the running processes as the context local and selects it. It reports whether it did:
// without contexts everything else works.
func (r *running) writeContext(c *cli.Context) bool {
	known := config.Variables(allSections()...)
	local := contexts.Context{}
	set := func(name, value string) {
		if err := local.Set(known, name, value); err != nil {
			note(c, "the context %s lacks a variable: %v", localContext, err)
		}
	}
	for _, v := range known {
		names := []string{v.Name}
		if v.Secret {
			names = []string{v.Name + config.FileSuffix}
			if _, given := r.variables.Lookup(v.Name); given {
				note(c, "the context %s does not have the secret %s: set it for ctl in other shells too", localContext, v.Name)
			}
		}
		for _, name := range names {
			if value, given := r.variables.Lookup(name); given && value != "" {
				set(name, value)
			}
		}
	}
	set("NATS_URL", r.syncer.Stream.URL)
	set("COMPONENT_REGISTRY_URL", r.syncer.Registry.URL)
	set("COMPONENT_REGISTRY_API", r.syncer.Registry.API)
	err := contexts.Update(contexts.Path(), func(f *contexts.File) error {
		if maps.Equal(f.Contexts[localContext], local) && f.Current == localContext {
			return nil
		}
		f.Contexts[localContext], f.Current = local, localContext
		return nil
	})
	if err != nil {
		note(c, "warning: the context %s is not written: %v", localContext, err)
	}
	return err == nil
}

// summarize prints where everything is.
func (r *running) summarize(c *cli.Context, selected bool) {
	page := r.syncer.Registry.Address()
	if r.registry != "" {
		page += fmt.Sprintf(" (reference registry, %s, content in memory)", r.registry)
	}
	nats := r.syncer.Stream.Address()
	if r.data != "" {
		nats += " (embedded, data in " + r.data + ")"
	}
	note(c, "page     %s", page)
	note(c, "NATS     %s", nats)
	note(c, "metrics  %s", r.metrics())
	try := "ctl list, ctl status, ctl diff"
	switch {
	case !selected:
		try = "export NATS_URL=" + r.syncer.Stream.Address() + " in another shell, then " + try
	case r.manifests != "":
		try += "; edit a file in " + r.manifests
	}
	note(c, "try      %s", try)
}

// metrics is the address of the metrics.
func (r *running) metrics() string {
	o := r.common.Ops
	switch {
	case !o.Monitoring:
		return "none (MONITORING_ENABLED=false)"
	case o.Port == 0:
		return "on a free port, which -v logs (MONITORING_PORT=0)"
	}
	return monitoringURL(o, o.Endpoint)
}
