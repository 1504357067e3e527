package refregistry

import (
	"net/http"
	"strings"
	"testing"
)

func TestRedirects(t *testing.T) {
	tests := []struct{ method, path, location string }{
		{"GET", "/labels", "/labels/"},
		{"POST", "/labels", "/labels/"},
		{"PATCH", "/labels", "/labels/"},
		{"GET", "/components?registry_name=a%26b&skip=3", "/components/?registry_name=a%26b&skip=3"},
		{"GET", "/registries", "/registries/"},
		{"GET", "/exposed-apis", "/exposed-apis/"},
		{"PUT", "/labels/5/", "/labels/5"},
		{"PATCH", "/exposed-apis/5/status/", "/exposed-apis/5/status"},
		{"GET", "/health/", "/health"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			_, c := start(t, Config{})
			got := c.do(tt.method, tt.path, "")
			if got.status != http.StatusTemporaryRedirect || got.body != "" {
				t.Errorf("answer %d %q, want an empty 307", got.status, got.body)
			}
			same(t, c.base+tt.location, got.header.Get("Location"))
		})
	}
}

func TestFollowedRedirectKeepsTheWrite(t *testing.T) {
	s, c := start(t, Config{APIKey: "k"})
	c.http.CheckRedirect = nil
	must[labelRow](c, 201, "POST", "/labels", `{"key":"team","value":"blue"}`)
	same(t, map[string]int{"POST /labels": 1, "POST /labels/": 1}, s.Requests())
}

func TestMethodNotAllowedNamesTheAllowed(t *testing.T) {
	_, c := start(t, Config{})
	same(t, "GET, POST", c.do("DELETE", "/labels/", "").header.Get("Allow"))
	same(t, "DELETE, GET, PUT", c.do("PATCH", "/exposed-apis/1", "").header.Get("Allow"))
	same(t, "PATCH", c.do("GET", "/exposed-apis/1/status", "").header.Get("Allow"))
}

func TestAPIKey(t *testing.T) {
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
			_, c := start(t, Config{APIKey: key})
			req := c.request("GET", tt.path, "")
			req.Header.Set("Authorization", tt.authorization)
			if tt.authorization == "" {
				req.Header.Del("Authorization")
			}
			got, err := c.send(req)
			if err != nil {
				t.Fatal(err)
			}
			if got.status != tt.status {
				t.Errorf("status %d, want %d", got.status, tt.status)
			}
			if tt.status == 401 {
				same(t, `{"detail":"A valid API key is required"}`, got.body)
				same(t, "Bearer", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	s, c := start(t, Config{})
	c.registry("self")
	c.component("self", "catalog")
	const frame = `{"registry_name":"self","component_name":"catalog","name":"a","url":"u","oas_specification":""}`
	fill := func(size int) string {
		return frame[:len(frame)-2] + strings.Repeat("x", size-len(frame)) + frame[len(frame)-2:]
	}
	must[apiView](c, 201, "POST", "/exposed-apis/", fill(1<<20))
	got := c.do("POST", "/exposed-apis/", fill(1<<20+1))
	if got.status != 413 || !strings.Contains(got.body, `"detail"`) {
		t.Errorf("answer %d %s, want a 413 with its detail", got.status, got.body)
	}
	same(t, 1, len(s.Snapshot().APIs))
}

func TestRequests(t *testing.T) {
	s, c := start(t, Config{})
	seed(c)
	same(t, map[string]int{"POST /labels/": 2, "POST /registries/": 2, "POST /components/": 2, "POST /exposed-apis/": 3}, s.Requests())
	s.ResetRequests()
	same(t, map[string]int{}, s.Requests())

	for _, path := range []string{"/labels/1", "/labels/2", "/labels/77", "/labels/x", "/labels/?limit=0", "/labels", "/health", "/health/", "/nothing", "/labels/1/2"} {
		c.do("GET", path, "")
	}
	c.do("PATCH", "/exposed-apis/1/status", `{"status":"ready"}`)
	c.do("PUT", "/components/1", `{}`)
	c.do("BREW", "/labels/", "")
	c.do("HEAD", "/labels/", "")
	same(t, map[string]int{
		"GET /labels/{id}": 4, "GET /labels/": 1, "GET /labels": 1, "GET /health": 1, "GET /health/": 1,
		"PATCH /exposed-apis/{id}/status": 1, "PUT /components/{id}": 1, "*": 4,
	}, s.Requests())
}
