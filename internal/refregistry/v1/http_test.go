package v1_test

import (
	"net/http"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	v1 "odasync/internal/refregistry/v1"
)

func TestService_RedirectsTheTrailingSlash(t *testing.T) {
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
			_, c := registrytest.Start(t, refregistry.Config{})
			got := c.Do(tt.method, tt.path, "")
			if got.Status != http.StatusTemporaryRedirect || got.Body != "" {
				t.Errorf("answer %d %q, want an empty 307", got.Status, got.Body)
			}
			registrytest.Same(t, c.URL+tt.location, got.Header.Get("Location"))
		})
	}
}

func TestService_RedirectKeepsTheWrite(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{APIKey: "k"})
	c.HTTP.CheckRedirect = nil
	registrytest.Must[v1.LabelRow](c, 201, "POST", "/labels", `{"key":"team","value":"blue"}`)
	registrytest.Same(t, map[string]int{"POST /labels": 1, "POST /labels/": 1}, s.Requests())
}

func TestService_MethodNotAllowed(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	registrytest.Same(t, "GET, POST", c.Do("DELETE", "/labels/", "").Header.Get("Allow"))
	registrytest.Same(t, "DELETE, GET, PUT", c.Do("PATCH", "/exposed-apis/1", "").Header.Get("Allow"))
	registrytest.Same(t, "PATCH", c.Do("GET", "/exposed-apis/1/status", "").Header.Get("Allow"))
}
