package deploy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"odasync/internal/config"
	"odasync/internal/natsconn"
	"odasync/internal/ops/opstest"
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
	group := procs.ForTest(t)
	servers := startNATS(t, group, t.TempDir(), all)
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
			return server.monitors(t, "ODASYNC", "ODA_COMPONENTS")
		})
	}
	// A server without the password of the routes does not become a member.
	settings := filepath.Join(t.TempDir(), "outsider.conf")
	text := fmt.Sprintf("server_name: outsider\nlisten: 127.0.0.1:-1\ncluster {\n name: odasync-nats\n listen: 127.0.0.1:-1\n routes: [nats://route:guess@%s]\n}\n", servers[0].route)
	must(t, os.WriteFile(settings, []byte(text), 0o600))
	outsider := start(t, group, procs.Spec{Name: "outsider", Program: "nats-server", Args: []string{"-c", settings}})
	if _, err := outsider.Await(within(t), "Authorization Violation"); err != nil {
		t.Errorf("the outsider is not refused: %v", err)
	}
	routes, err := get(t, servers[0].monitoring+"/routez")
	must(t, err)
	if strings.Contains(routes, "outsider") || !strings.Contains(routes, servers[1].name) {
		t.Errorf("the routes are %s", routes)
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

// TestNATS_ReadsAChangedCertificate replaces the certificate of the chart's NATS and sends the signal that docs/nats-security.md
// prints: new connections get the new certificate, and open ones stay.
func TestNATS_ReadsAChangedCertificate(t *testing.T) {
	group := procs.ForTest(t)
	folder := filepath.Join(group.Dir, "nats-tls")
	must(t, os.Mkdir(folder, 0o700))
	cert, key := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	opstest.Certificate(t, cert, key, "localhost")
	server := startNATS(t, group, t.TempDir(), render(t, chart(), set("nats.tls.serverSecret=cert")...))[0]
	connect := func() (*nats.Conn, error) {
		nc, err := nats.Connect(strings.Replace(server.url, "nats://127.0.0.1", "tls://localhost", 1), nats.RootCAs(cert), nats.MaxReconnects(0))
		if err == nil {
			t.Cleanup(nc.Close)
		}
		return nc, err
	}
	serial := func(nc *nats.Conn) string {
		state, err := nc.TLSConnectionState()
		must(t, err)
		return state.PeerCertificates[0].SerialNumber.String()
	}
	open, err := connect()
	must(t, err)
	opstest.Certificate(t, cert, key, "localhost")
	if _, err := connect(); err == nil {
		t.Fatal("the new certificate is used before the signal")
	}
	const printed = "nats-server -sl reload=/var/run/nats/nats.pid"
	page, err := os.ReadFile(filepath.Join(root, "docs", "nats-security.md"))
	must(t, err)
	contains(t, string(page), printed)
	arguments := strings.Fields(strings.Replace(printed, "/var/run/nats/nats.pid", filepath.Join(group.Dir, server.name+".pid"), 1))
	signal := start(t, group, procs.Spec{Name: "reload", Program: arguments[0], Args: arguments[1:]})
	if code, err := signal.Wait(within(t)); err != nil || code != 0 {
		t.Fatalf("reload: %v, exit code %d: %s", err, code, signal.Tail(5))
	}
	var renewed *nats.Conn
	testwait.NoErrorWithin(t, patience, "a connection with the new certificate", func() (err error) {
		renewed, err = connect()
		return err
	})
	if serial(renewed) == serial(open) {
		t.Error("both connections have the same certificate")
	}
	if err := open.Flush(); err != nil {
		t.Errorf("the open connection has ended: %v", err)
	}
}
