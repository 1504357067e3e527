package security

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// line is a line of the tables in docs/nats-security.md.
type line struct {
	rule
	allowed bool
}

var row = regexp.MustCompile("(?m)^\\| (\\w+) \\| `([^`]+)` \\| (publish|subscribe) \\| (allowed|refused) \\|$")

// lines reads the tables.
func lines(t *testing.T) []line {
	t.Helper()
	root := testcheck.Must(procs.Root())
	text := testcheck.Must(os.ReadFile(filepath.Join(root, "docs", "nats-security.md")))
	_, rest, opened := strings.Cut(string(text), "<!-- permissions -->\n")
	tables, _, closed := strings.Cut(rest, "<!-- permissions end -->")
	if !opened || !closed {
		t.Fatal("docs/nats-security.md has no tables of permissions")
	}
	var all []line
	for _, found := range row.FindAllStringSubmatch(tables, -1) {
		all = append(all, line{rule{found[1], found[3], found[2]}, found[4] == "allowed"})
	}
	if rows := strings.Count(tables, "`"); len(all)*2 != rows {
		t.Fatalf("%d of %d lines of the tables can be read", len(all), rows/2)
	}
	return all
}

// TestPermissionTables_Complete compares the tables with accounts.conf, in both directions.
func TestPermissionTables_Complete(t *testing.T) {
	all := lines(t)
	for kind, allowed := range map[string]bool{"allow": true, "deny": false} {
		for _, r := range rulesOf(t, kind) {
			if !slices.Contains(all, line{r, allowed}) {
				t.Errorf("docs/nats-security.md has no line for %s in accounts.conf: %s", kind, r)
			}
		}
	}
	for _, l := range all {
		if l.allowed && !slices.Contains(rulesOf(t, "allow"), l.rule) {
			t.Errorf("accounts.conf does not allow a line of docs/nats-security.md: %s", l)
		}
	}
}

// TestPermissionTables tries every line on a real server with the configuration in deploy/.
func TestPermissionTables(t *testing.T) {
	a := newAuthority(t)
	a.server()
	for name, value := range a.serverEnv(t.TempDir()) {
		t.Setenv(name, value)
	}
	options, err := server.ProcessConfigFile(configFile(t))
	testcheck.NoError(t, err)
	options.Host, options.Port, options.HTTPPort, options.NoSigs, options.NoLog = "127.0.0.1", server.RANDOM_PORT, 0, true, true
	s, err := server.NewServer(options)
	testcheck.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(testenv.Timeout) {
		t.Fatal("the server does not start")
	}
	for _, l := range lines(t) {
		t.Run(strings.ReplaceAll(l.String(), " ", "_"), func(t *testing.T) {
			err := try(t, a, s.ClientURL(), l.rule)
			switch {
			case l.allowed && err != nil:
				t.Errorf("refused: %v", err)
			case !l.allowed && !errors.Is(err, nats.ErrPermissionViolation):
				t.Errorf("not refused: %v", err)
			}
		})
	}
	for name, options := range map[string][]nats.Option{
		"no user":          nil,
		"a wrong password": {nats.UserInfo("watcher", password("syncer"))},
		"an unknown user":  {nats.UserInfo("admin", password("watcher"))},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := nats.Connect(s.ClientURL(), append(options, nats.RootCAs(a.file("ca.crt")))...)
			if nc != nil {
				nc.Close()
			}
			if !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("may connect: %v", err)
			}
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("watcher", password("watcher")))
		if nc != nil {
			nc.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("trusts a server of an unknown authority: %v", err)
		}
	})
}

// try publishes to the subject, with wildcards replaced, or subscribes to it as the role, and returns the server's error.
func try(t *testing.T, a *authority, url string, r rule) error {
	t.Helper()
	nc, err := nats.Connect(url, nats.UserInfo(r.role, password(r.role)), nats.RootCAs(a.file("ca.crt")),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // the last error is what counts
	testcheck.NoError(t, err)
	defer nc.Close()
	if r.action == publish {
		testcheck.NoError(t, nc.Publish(strings.NewReplacer("*", "any", ">", "any.more").Replace(r.subject), nil))
	} else {
		_, err := nc.SubscribeSync(r.subject)
		testcheck.NoError(t, err)
	}
	testcheck.NoError(t, nc.Flush()) // the error precedes the response
	return nc.LastError()
}
