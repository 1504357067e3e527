package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"odasync/internal/config"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/testwait"
	"odasync/test/procs"
)

// TestValues_Secured renders the chart with passwords and TLS. A process has its own password alone.
func TestValues_Secured(t *testing.T) {
	const watcher, syncer, nats = "Deployment odasync-watcher", "Deployment odasync-syncer", "StatefulSet odasync-nats"
	accounts, err := os.ReadFile(filepath.Join(chart(), "files", "nats-accounts.conf"))
	must(t, err)
	own := []string{"nats.auth.secret=passwords", "nats.auth.syncerKey=other"}
	users := func(t *testing.T, all objects) {
		t.Helper()
		for _, process := range []string{"watcher", "syncer"} {
			variables(t, all, "Deployment odasync-"+process, map[string]string{"NATS_USER": process, "NATS_PASSWORD": "",
				"NATS_PASSWORD_FILE": "/etc/odasync/nats-password/password"})
		}
	}
	for name, test := range map[string]struct {
		values []string
		check  func(t *testing.T, all objects)
	}{
		"passwords": {own, func(t *testing.T, all objects) {
			users(t, all)
			expectEnvironment(t, all, watcher, "passwords watcher as /etc/odasync/nats-password/password")
			expectEnvironment(t, all, syncer, "passwords other as /etc/odasync/nats-password/password")
			expectEnvironment(t, all, nats)
			same(t, "accounts.conf", all.configuration(t, "accounts.conf"), strings.TrimSpace(string(accounts))+"\n")
			contains(t, all.configuration(t, "nats.conf"), "include accounts.conf")
			variables(t, all, watcher, map[string]string{"NATS_URL": "nats://odasync-nats.canvas.svc:4222"})
		}},
		"passwords of one's own servers": {append(own, "nats.url=nats://nats:4222"), users},
		"passwords of three servers": {append(own, "nats.replicas=3"), func(t *testing.T, all objects) {
			contains(t, all.configuration(t, "nats.conf"), "user: route", "password: $ODASYNC_ROUTE_PASSWORD", "$ODASYNC_ROUTE_2")
		}},
		"TLS": {[]string{"nats.tls.serverSecret=nats-tls", "nats.tls.caSecret=ca"}, func(t *testing.T, all objects) {
			variables(t, all, watcher, map[string]string{"NATS_URL": "tls://odasync-nats.canvas.svc:4222", "NATS_TLS_CA": "/etc/odasync/nats-ca/ca.crt"})
			expectEnvironment(t, all, nats, "nats-tls tls.crt as /etc/nats-tls/tls.crt", "nats-tls tls.key as /etc/nats-tls/tls.key")
			contains(t, all.configuration(t, "nats.conf"), "cert_file: /etc/nats-tls/tls.crt", "key_file: /etc/nats-tls/tls.key")
		}},
		"mutual TLS of three servers": {[]string{"nats.tls.serverSecret=nats-tls", "nats.tls.caSecret=ca", "nats.tls.verifyClients=true", "nats.replicas=3"},
			func(t *testing.T, all objects) {
				expectEnvironment(t, all, nats, "ca ca.crt as /etc/nats-ca/ca.crt", "nats-tls tls.crt as /etc/nats-tls/tls.crt", "nats-tls tls.key as /etc/nats-tls/tls.key")
				config := all.configuration(t, "nats.conf")
				contains(t, config, "verify: true")
				if count := strings.Count(config, "ca_file: /etc/nats-ca/ca.crt"); count != 2 { // of clients, and of the routes
					t.Errorf("certificates are checked in %d places:\n%s", count, config)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			all := render(t, chart(), set(test.values...)...)
			test.check(t, all)
			accepted(t, all)
		})
	}
}

// configuration is a configuration file of the built-in NATS.
func (o objects) configuration(t *testing.T, file string) string {
	t.Helper()
	text, _ := o.field(t, "ConfigMap odasync-nats", "data").(map[string]any)[file].(string)
	return text
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

// TestNATS_PasswordsOfTheChart runs three servers as the chart configures them: each role has its user, and no other user
// can connect. The permissions are in the same file as in test/security.
func TestNATS_PasswordsOfTheChart(t *testing.T) {
	all := render(t, chart(), set("nats.auth.secret=passwords", "nats.replicas=3")...)
	servers := startNATS(t, procs.ForTest(t), t.TempDir(), all)
	cfg := natsconn.Config{URL: servers[0].url, User: "watcher", Password: config.Fixed("passwords-watcher"), Replicas: 3, History: 32}
	conn, err := natsconn.Dial(t.Context(), cfg, "odasync-watcher", func(err error) { t.Error(err) })
	must(t, err)
	defer conn.Close()
	testwait.NoErrorWithin(t, patience, "the cluster makes the stream", func() error {
		_, err := stream.EnsureLog(within(t), conn)
		return err
	})
	for _, server := range servers {
		testwait.NoErrorWithin(t, patience, server.name+" has a copy of the stream", func() error {
			return server.monitors(t, "ODASYNC", "ODA_COMPONENTS", "")
		})
	}
	for _, user := range []string{"", "watcher", "syncer", "ctl"} {
		nc, err := nats.Connect(servers[1].url, nats.UserInfo(user, "passwords-watcher"))
		if nc != nil {
			nc.Close()
		}
		if right := user == "watcher"; right != (err == nil) || !right && !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("user %q with the watcher's password: %v", user, err)
		}
	}
}
