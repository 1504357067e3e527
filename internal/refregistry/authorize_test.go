package refregistry_test

import (
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/registrytest"
)

// TestServer_KeyBesideTokens accepts the key where tokens are required.
func TestServer_KeyBesideTokens(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, APIKey: "key", Auth: &auth.Config{}})
	c.Expect(201, "POST", "/resource", document)
	c.Expect(200, "GET", "/resource/self:shop", "")
	c.Key = "other"
	c.Expect(401, "GET", "/resource", "")
}

func TestServer_PageBehindTokens(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Auth: &auth.Config{Clients: []auth.Client{
		{ID: "reader", Secret: "s", Roles: []string{"query"}}, {ID: "viewer", Secret: "s", Roles: []string{"ui-viewer"}},
	}}})
	tests := []struct {
		id, secret, path string
		status           int
	}{
		{"", "", "/", 401}, {"reader", "wrong", "/", 401}, {"viewer", "s", "/", 401}, {"reader", "s", "/", 200},
		{"reader", "s", "/resource", 401}, // no other site can write with what the browser sends by itself
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.path, func(t *testing.T) {
			req := c.Request("GET", tt.path, "")
			if tt.id != "" {
				req.SetBasicAuth(tt.id, tt.secret)
			}
			registrytest.Same(t, tt.status, c.Answer(req).Status)
		})
	}
}
