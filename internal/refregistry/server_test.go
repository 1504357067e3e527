package refregistry_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

func TestServer_APIKey(t *testing.T) {
	const key = "correct horse"
	tests := []struct {
		name, path, authorization string
		status                    int
	}{
		{"right key", "/labels/", "Bearer " + key, 200},
		{"scheme in another case", "/labels/", "bearer " + key, 200},
		{"no key", "/labels/", "", 401},
		{"wrong key", "/labels/", "Bearer wrong", 401},
		{"key without a scheme", "/labels/", key, 401},
		{"other scheme", "/labels/", "Basic " + key, 401},
		{"no key on an unknown path", "/nothing", "", 401},
		{"no key on a redirect", "/labels", "", 401},
		{"stats without a key", "/stats", "", 401},
		{"health without a key", "/health", "", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := registrytest.Start(t, refregistry.Config{APIKey: key})
			req := c.Request("GET", tt.path, "")
			req.Header.Set("Authorization", tt.authorization)
			if tt.authorization == "" {
				req.Header.Del("Authorization")
			}
			got := c.Answer(req)
			registrytest.Same(t, tt.status, got.Status)
			if tt.status == 401 {
				registrytest.Same(t, `{"detail":"A valid API key is required"}`, got.Body)
				registrytest.Same(t, "Bearer", got.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestServer_BodyLimit(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{})
	c.Registry("self")
	c.Component("self", "catalog")
	const frame = `{"registry_name":"self","component_name":"catalog","name":"a","url":"u","oas_specification":""}`
	fill := func(size int) string {
		return frame[:len(frame)-2] + strings.Repeat("x", size-len(frame)) + frame[len(frame)-2:]
	}
	c.Expect(201, "POST", "/exposed-apis/", fill(1<<20))
	got := c.Do("POST", "/exposed-apis/", fill(1<<20+1))
	if got.Status != 413 || !strings.Contains(got.Body, `"detail"`) {
		t.Errorf("answer %d %s, want a 413 with its detail", got.Status, got.Body)
	}
	registrytest.Same(t, 1, len(s.Snapshot().APIs))
}

func TestServer_Requests(t *testing.T) {
	s, c := registrytest.Seeded(t, refregistry.Config{})
	registrytest.Same(t, map[string]int{"POST /labels/": 2, "POST /registries/": 2, "POST /components/": 2, "POST /exposed-apis/": 3}, s.Requests())
	s.ResetRequests()
	registrytest.Same(t, map[string]int{}, s.Requests())

	for _, path := range []string{"/labels/1", "/labels/2", "/labels/77", "/labels/x", "/labels/?limit=0", "/labels", "/health", "/health/", "/nothing", "/labels/1/2"} {
		c.Do("GET", path, "")
	}
	c.Do("PATCH", "/exposed-apis/1/status", `{"status":"ready"}`)
	c.Do("PUT", "/components/1", `{}`)
	c.Do("BREW", "/labels/", "")
	c.Do("HEAD", "/labels/", "")
	registrytest.Same(t, map[string]int{
		"GET /labels/{id}": 4, "GET /labels/": 1, "GET /labels": 1, "GET /health": 1, "GET /health/": 1,
		"PATCH /exposed-apis/{id}/status": 1, "PUT /components/{id}": 1, "*": 4,
	}, s.Requests())
}

func TestServer_ClientLeavesDuringItsBody(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{RecordHistory: true})
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.URL, "http://"))
	testcheck.NoError(t, err)
	defer conn.Close()
	testcheck.Must(fmt.Fprintf(conn, "POST /labels/ HTTP/1.1\r\nHost: registry\r\nContent-Length: %d\r\n\r\n%s", len(registrytest.NewLabel)+1, registrytest.NewLabel))
	testcheck.NoError(t, conn.(*net.TCPConn).CloseWrite())
	if answer, _ := io.ReadAll(conn); len(answer) != 0 { // the connection's end is what is waited for
		t.Errorf("answer %q, want none", answer)
	}
	registrytest.Same(t, 0, len(s.Snapshot().Labels))
	c.Expect(201, "POST", "/labels/", registrytest.NewLabel)
}

func TestServer_Snapshot(t *testing.T) {
	for _, cfg := range []refregistry.Config{{}, {ShuffleLists: true}} {
		s, c := registrytest.Start(t, cfg)
		c.Label("team", "blue")
		c.Label("domain", "product")
		c.Label("gone", "soon")
		c.Registry("up")
		c.Registry("self")
		c.Component("up", "b")
		c.Component("self", "z", 1, 2, 3)
		c.Component("self", "a")
		c.API("self", "z", "two", 1)
		c.API("self", "z", "one")
		c.API("self", "a", "two")
		c.API("self", "z", "one")
		c.API("up", "b", "one")
		c.Expect(200, "PUT", "/exposed-apis/1", `{"oas_specification":"http://example.org/spec","status":"ready"}`)
		c.Expect(204, "DELETE", "/labels/3", "")
		none := map[string]string{}
		registrytest.Same(t, refregistry.Snapshot{
			Labels: []refregistry.Label{{2, "domain", "product"}, {1, "team", "blue"}},
			Registries: []refregistry.Registry{
				{ID: 2, Name: "self", Type: "self", URL: "http://self.example.org", Labels: none},
				{ID: 1, Name: "up", Type: "self", URL: "http://up.example.org", Labels: none},
			},
			Components: []refregistry.Component{
				{ID: 3, Registry: "self", Name: "a", Labels: none},
				{ID: 2, Registry: "self", Name: "z", Labels: map[string]string{"team": "blue", "domain": "product"}},
				{ID: 1, Registry: "up", Name: "b", Labels: none},
			},
			APIs: []refregistry.API{
				{ID: 3, Registry: "self", Component: "a", Name: "two", URL: "http://example.org/two", Status: "pending", Labels: none},
				{ID: 2, Registry: "self", Component: "z", Name: "one", URL: "http://example.org/one", Status: "pending", Labels: none},
				{ID: 4, Registry: "self", Component: "z", Name: "one", URL: "http://example.org/one", Status: "pending", Labels: none},
				{ID: 1, Registry: "self", Component: "z", Name: "two", URL: "http://example.org/two",
					Specification: "http://example.org/spec", Status: "ready", Labels: map[string]string{"team": "blue"}},
				{ID: 5, Registry: "up", Component: "b", Name: "one", URL: "http://example.org/one", Status: "pending", Labels: none},
			},
		}, s.Snapshot())
	}
}
