package canvas

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/faults"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// TestTokens syncs 500 Components with tokens that expire every two seconds. Then the token endpoint is away for a minute, while
// Components change. No component fails.
func TestTokens(t *testing.T) {
	const secret = "cl1ent-s3cret"
	env := newEnv(t, refregistry.Config{Auth: &auth.Config{
		Clients:  []auth.Client{{ID: "odasync", Secret: secret, Roles: []string{"sync"}}},
		Lifetime: 2 * time.Second,
	}}, "canvas-tokens")
	env.create(500)
	env.watch()
	client := map[string]string{
		"OAUTH2_TOKEN_URL": env.tmf639.URL() + auth.TokenPath, "OAUTH2_CLIENT_ID": "odasync", "OAUTH2_CLIENT_SECRET": secret,
	}
	syncer := env.feed(client)
	env.AwaitReady(syncer)
	env.AwaitDocuments(env.tmf639, 3*time.Minute)
	env.expectNoDeadLetters("tmf639")

	away := func(r *http.Request) *faults.Fault {
		if r.URL.Path == auth.TokenPath {
			return &faults.Fault{Status: http.StatusServiceUnavailable, Body: "<html>maintenance</html>"}
		}
		return nil
	}
	env.tmf639.SetFault(away)
	until := time.Now().Add(time.Minute)
	change := 0
	env.Eventually(testenv.Timeout, "a write that finds the last token expired", func() error {
		change++
		env.Apply(testenv.Component("canvas-tokens", "component-00000", fmt.Sprintf("2.0.%d", change), "first", "second"))
		if answer := env.Readyz(syncer); !strings.Contains(answer, "OAUTH2_TOKEN_URL") {
			return fmt.Errorf("readiness: %s", answer)
		}
		return nil
	})
	env.Apply(testenv.Component("canvas-tokens", "component-00001", "2.0.0", "first"))
	env.Must(procs.Pause(t.Context(), time.Until(until)))
	env.tmf639.SetFault(nil)
	env.AwaitDocuments(env.tmf639, 2*time.Minute)
	env.expectNoDeadLetters("tmf639")
	env.Must(syncer.AwaitReady(env.Within(2 * time.Minute)))
	if log := syncer.Tail(10_000_000); containsAny(log, secret, "eyJ") {
		t.Error("the syncer's log has a secret or a token")
	}
}
