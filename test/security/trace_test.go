package security

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/conf"

	"odasync/internal/testcheck"
	"odasync/test/procs"
)

// rule is a permission of a role, or an action of its connection.
type rule struct{ role, action, subject string }

func (r rule) String() string { return fmt.Sprintf("%s %s %s", r.role, r.action, r.subject) }

// The actions on a subject.
const (
	publish   = "publish"
	subscribe = "subscribe"
)

var (
	traced  = regexp.MustCompile(`"[^"]*:odasync-[^"]*" - "ODASYNC/user:(\w+)" - <<- \[(H?PUB|SUB) (\S+)`)
	refused = regexp.MustCompile(`(Publish|Subscription) Violation.*`)
)

// used are the actions of the programs in the server's log. Connections of the test itself, which have other names, do not count.
func used(t testing.TB, server *procs.Process) []rule {
	t.Helper()
	seen := map[rule]bool{}
	for line := range strings.Lines(server.Tail(1 << 30)) {
		if found := traced.FindStringSubmatch(line); found != nil {
			action := publish
			if found[2] == "SUB" {
				action = subscribe
			}
			seen[rule{found[1], action, strings.TrimSuffix(found[3], "]")}] = true
		}
	}
	rules := make([]rule, 0, len(seen))
	for r := range seen {
		rules = append(rules, r)
	}
	return rules
}

// violations are the actions that the server refused.
func violations(server *procs.Process) []string {
	return refused.FindAllString(server.Tail(1<<30), -1)
}

// rulesOf reads the allowed or the denied subjects of deploy/nats/accounts.conf.
func rulesOf(t *testing.T, kind string) []rule {
	t.Helper()
	for name, value := range newAuthority(t).serverEnv(t.TempDir()) {
		t.Setenv(name, value)
	}
	all, err := conf.ParseFile(configFile(t))
	testcheck.NoError(t, err)
	var rules []rule
	for _, user := range all["accounts"].(map[string]any)["ODASYNC"].(map[string]any)["users"].([]any) {
		user := user.(map[string]any)
		for action, lists := range user["permissions"].(map[string]any) {
			subjects, _ := lists.(map[string]any)[kind].([]any)
			for _, subject := range subjects {
				rules = append(rules, rule{user["user"].(string), action, subject.(string)})
			}
		}
	}
	if len(rules) == 0 {
		t.Fatalf("%s has nothing under %q", configFile(t), kind)
	}
	return rules
}

// matches reports whether a subject, which may have wildcards itself, is covered by a pattern.
func matches(pattern, subject string) bool {
	parts, tokens := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, part := range parts {
		switch {
		case part == ">":
			return len(tokens) > i
		case i >= len(tokens), part != "*" && part != tokens[i]:
			return false
		}
	}
	return len(parts) == len(tokens)
}

// unused are the rules without a matching action.
func unused(rules, used []rule) []string {
	var idle []string
	for _, r := range rules {
		if !slices.ContainsFunc(used, func(u rule) bool {
			return u.role == r.role && u.action == r.action && matches(r.subject, u.subject)
		}) {
			idle = append(idle, r.String())
		}
	}
	slices.Sort(idle)
	return idle
}
