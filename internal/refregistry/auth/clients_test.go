package auth_test

import (
	"strings"
	"testing"

	"odasync/internal/refregistry/auth"
	"odasync/internal/testcheck"
)

func TestParseClients(t *testing.T) {
	tests := []struct {
		name, text string
		want       []auth.Client
		err        string
	}{
		{"clients", "# comment\n\na:b:sync\r\n c:d:e:f:sync,query", []auth.Client{
			{ID: "a", Secret: "b", Roles: []string{"sync"}}, {ID: "c", Secret: "d:e:f", Roles: []string{"sync", "query"}},
		}, ""},
		{"nothing", "# comment", nil, "it has no client"},
		{"no roles", "\nodasync:s3cr3t", nil, "line 2 is not id:secret:role,role"},
		{"no id", ":s3cr3t:sync", nil, "line 1 is not id:secret:role,role"},
		{"no secret", "s3cr3t::sync", nil, "line 1 is not id:secret:role,role"},
		{"unknown role", "odasync:s3cr3t:sync,s3cr3t", nil, "line 1 has an unknown role: use sync, query"},
		{"empty role", "odasync:s3cr3t:", nil, "line 1 has an unknown role"},
		{"repeated client", "a:b:sync\na:s3cr3t:sync", nil, `line 2 repeats the client "a"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := auth.ParseClients(tt.text, []string{"sync", "query"})
			testcheck.Equal(t, "clients", tt.want, got)
			if tt.err == "" && err == nil {
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.err) || tt.err == "" || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}
