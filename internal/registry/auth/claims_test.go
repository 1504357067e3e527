package auth

import (
	"encoding/base64"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

func TestClaims(t *testing.T) {
	jwt := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
	}
	for name, test := range map[string]struct{ token, want string }{
		"when it is Keycloak's": {
			jwt(`{"exp":1795681142,"iss":"http://issuer/realms/odari","aud":"account","resource_access":{"account":{"roles":["view-profile"]},"componentregistry":{"roles":["sync","query"]}}}`),
			"roles componentregistry: sync query, account: view-profile; aud account; iss http://issuer/realms/odari; exp 2026-11-26T08:19:02Z",
		},
		"when it has several audiences": {jwt(`{"aud":["a","b"]}`), "roles none; aud a, b; iss none; exp none"},
		"when it is opaque":             {"4f1g", "no JWT, its claims are unknown"},
		"when it is cut off":            {"e30.!!.x", "no JWT, its claims are unknown"},
		"when it holds no object":       {jwt(`[]`), "no JWT, its claims are unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			testcheck.Equal(t, "claims", test.want, decode(test.token).String())
		})
	}
	if decode(jwt(`{}`)).Roles != nil || decode(jwt(`{"resource_access":{}}`)).Roles == nil {
		t.Error("no claim and an empty one are not told apart")
	}
}

func FuzzClaims(f *testing.F) {
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, token string) {
		if text := decode(token).String(); len(token) > 40 && strings.Contains(text, token) {
			t.Errorf("%q shows the token", text)
		}
	})
}

func TestConfig_Validate(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want string // empty for no problem
	}{
		"when nothing is set":      {},
		"when all is set":          {map[string]string{"OAUTH2_TOKEN_URL": "https://issuer/token", "OAUTH2_CLIENT_ID": "c", "OAUTH2_CLIENT_SECRET": "pa55"}, ""},
		"when the URL is missing":  {map[string]string{"OAUTH2_CLIENT_ID": "c", "OAUTH2_CLIENT_SECRET": "pa55"}, "half set: give all three or none"},
		"when the URL has no host": {map[string]string{"OAUTH2_TOKEN_URL": "https:///pa55", "OAUTH2_CLIENT_ID": "c", "OAUTH2_CLIENT_SECRET": "pa55"}, "OAUTH2_TOKEN_URL is ***: http:// or https://"},
	} {
		t.Run(name, func(t *testing.T) {
			err := loadConfig(t, test.env)
			switch {
			case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "pa55"):
				t.Errorf("%q shows a secret", err)
			}
		})
	}
}
