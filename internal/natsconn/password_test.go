package natsconn_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/natsconn"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// TestConn_ReadsAChangedPassword changes the password on the server, which disconnects its clients, and in the file.
func TestConn_ReadsAChangedPassword(t *testing.T) {
	s := streamtest.StartParallel(t, func(o *server.Options) { o.Username, o.Password = "watcher", "old" })
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		t.Helper()
		testcheck.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	}
	write("old")
	conn := s.Conn(t, func(c *natsconn.Config) {
		variables := envconfig.MapLookuper(map[string]string{"NATS_URL": c.URL, "NATS_USER": "watcher", "NATS_PASSWORD_FILE": file})
		testcheck.NoError(t, config.Load(t.Context(), variables, c))
	})
	streamtest.WaitConnected(t, conn)

	s.Change(t, func(o *server.Options) { o.Password = "new" })
	testwait.Until(t, "the old password is refused", func() bool { return !conn.NATS().IsConnected() && conn.NATS().LastError() != nil })
	write("new")
	testwait.Until(t, "the new password is read", func() bool { return conn.Check(streamtest.Within(t)) == nil })
}
