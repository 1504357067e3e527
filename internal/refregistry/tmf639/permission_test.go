package tmf639_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

// startLocked serves a registry with a client for each set of roles, which is
// called as the roles joined by "+".
func startLocked(t *testing.T, roles ...string) (*refregistry.Server, *registrytest.Client) {
	t.Helper()
	cfg := auth.Config{Lifetime: time.Minute}
	for _, set := range roles {
		cfg.Clients = append(cfg.Clients, auth.Client{ID: set, Secret: "secret", Roles: strings.Split(set, "+")})
	}
	cfg.Clients = append(cfg.Clients, auth.Client{ID: "no access", Secret: "secret", Claims: map[string]any{"resource_access": nil}})
	return registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Auth: &cfg})
}

// login makes the client send a token.
func login(c *registrytest.Client, id string) {
	c.Helper()
	c.Key = ""
	req := c.Request("POST", auth.TokenPath, url.Values{"grant_type": {"client_credentials"}}.Encode())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(id), "secret")
	res := c.Answer(req)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(res.Body), &answer); err != nil || res.Status != http.StatusOK {
		c.Fatalf("status %d, %v: %s", res.Status, err, res.Body)
	}
	c.Key = answer.Token
}

func TestService_Permissions(t *testing.T) {
	operations := []struct {
		name, method, path, body string
		permitted                int
		roles                    string
	}{
		{"resource.list", "GET", "/resource", "", 200, "sync query sync+query admin"},
		{"resource.get", "GET", "/resource/x", "", 404, "ui-viewer ui-admin admin"},
		{"resource.post", "POST", "/resource", `{}`, 400, "sync sync+query admin"},
		{"resource.patch", "PATCH", "/resource/x", `{}`, 404, "sync sync+query admin"},
		{"resource.delete", "DELETE", "/resource/x", "", 404, "sync sync+query ui-admin admin"},
		{"sync.post", "POST", "/sync", `{}`, 400, "sync sync+query admin"},
		{"hub.list", "GET", "/hub", "", 200, "query sync+query admin"},
		{"hub.get", "GET", "/hub/x", "", 404, "query sync+query admin"},
		{"hub.post", "POST", "/hub", `{}`, 422, "ui-admin admin"},
		{"hub.delete", "DELETE", "/hub/x", "", 404, "ui-admin admin"},
	}
	sets := []string{"sync", "query", "sync+query", "ui-viewer", "ui-admin", "admin", ""}
	_, c := startLocked(t, sets...)
	for _, set := range sets {
		login(c, set)
		for _, op := range operations {
			want := op.permitted
			if !strings.Contains(" "+op.roles+" ", " "+set+" ") || set == "" {
				want = http.StatusForbidden
			}
			got := c.Do(op.method, op.path, op.body)
			testcheck.Equal(t, fmt.Sprintf("%q %s: status", set, op.name), want, got.Status)
			if want == http.StatusForbidden {
				registrytest.Same(t, `{"detail":"User does not have permission: `+op.name+`"}`, got.Body)
			}
		}
	}
}

func TestService_Unauthenticated(t *testing.T) {
	s, c := startLocked(t, "sync")
	refused := func(when string) {
		t.Helper()
		got := c.Do("POST", "/resource", `[]`)
		if got.Status != 401 || got.Header.Get("WWW-Authenticate") != "Bearer" || got.Body != `{"detail":"Not authenticated"}` {
			t.Errorf("%s: %d %v %s, want a 401", when, got.Status, got.Header, got.Body)
		}
	}
	refused("without a token")
	c.Key = "wrong"
	refused("with a wrong token")
	registrytest.Same(t, 422, c.Do("POST", "/resource", `{`).Status)
	c.Expect(200, "GET", "/health", "")

	login(c, "sync")
	registrytest.Same(t, 422, c.Do("POST", "/resource", `[]`).Status)
	s.RotateKeys()
	login(c, "sync")
	refused("after the rotation of keys")
	s.Restart()
	registrytest.Same(t, 422, c.Do("POST", "/resource", `[]`).Status)

	login(c, "no access")
	want(c, "GET", "/resource", "", 500, "Internal Server Error")
	registrytest.Same(t, map[string]int{"POST " + auth.TokenPath: 3, "GET /health": 1, "GET /resource": 1, "POST /resource": 6}, s.Requests())
}
