package natsconn_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"odasync/internal/config"
	"odasync/internal/natsconn"
	"odasync/internal/stream/streamtest"
	"odasync/internal/testcheck"
)

// TestPermissionError_NamesTheSubject has users that may not do everything; what they ask for would only time out.
func TestPermissionError_NamesTheSubject(t *testing.T) {
	t.Parallel()
	allow := func(subjects ...string) *server.SubjectPermission { return &server.SubjectPermission{Allow: subjects} }
	s := streamtest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "deaf", Password: "pa55", Permissions: &server.Permissions{Publish: allow(">"), Subscribe: allow("_INBOX.>")}},
			{Username: "mute", Password: "pa55", Permissions: &server.Permissions{Publish: allow("oda.>"), Subscribe: allow("_INBOX_ctl.>")}},
		}
	})
	for user, want := range map[string]natsconn.PermissionError{
		"deaf": {Role: "ctl", Action: "subscribe to", Subject: "_INBOX_ctl."},
		"mute": {Role: "ctl", Action: "publish to", Subject: "$JS.API.INFO"},
	} {
		t.Run(user, func(t *testing.T) {
			reported := make(chan error, 100)
			conn, err := natsconn.Dial(t.Context(), natsconn.Config{URL: s.URL(), User: user, Password: config.Fixed("pa55"), Replicas: 1, History: 32},
				"odasync-ctl", func(err error) { reported <- err })
			testcheck.NoError(t, err)
			defer conn.Close()
			err = conn.Check(streamtest.Within(t))
			testcheck.ErrorContains(t, err, "the server does not let this user "+want.Action+` "`+want.Subject, "give ctl the credential of its role", "docs/nats-security.md")
			select {
			case err := <-reported:
				var refused *natsconn.PermissionError
				if !errors.As(err, &refused) || refused.Role != want.Role || refused.Action != want.Action {
					t.Errorf("reported %v", err)
				}
			case <-time.After(streamtest.Patience):
				t.Error("nothing was reported")
			}
		})
	}
	_, err := natsconn.Dial(t.Context(), natsconn.Config{URL: s.URL(), User: "mute", Password: config.Fixed("wr0ng")}, "odasync-ctl", func(error) {})
	testcheck.ErrorContains(t, err, "connect to nats", "Authorization Violation", "NATS_USER, NATS_PASSWORD")
}
