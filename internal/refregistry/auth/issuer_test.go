package auth_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

const secret = "s3cr3t+/ %"

// endpoint calls the handlers of an issuer.
type endpoint struct {
	*testing.T
	issuer *auth.Issuer
}

func newEndpoint(t *testing.T, cfg auth.Config) endpoint { return endpoint{t, auth.New(cfg)} }

// post sends a form, with HTTP Basic if an id is given.
func (e endpoint) post(handler http.HandlerFunc, id, secret string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest("POST", "http://registry"+auth.TokenPath, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		req.SetBasicAuth(id, secret)
	}
	rec := httptest.NewRecorder()
	handler(rec, req)
	return rec
}

// token requests a token of the client odasync.
func (e endpoint) token() string {
	e.Helper()
	rec := e.post(e.issuer.ServeToken, "odasync", secret, url.Values{"grant_type": {"client_credentials"}})
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != http.StatusOK {
		e.Fatalf("status %d, %v: %s", rec.Code, err, rec.Body)
	}
	return answer.Token
}

func (e endpoint) roles(token string) ([]string, error) {
	req := httptest.NewRequest("GET", "/resource", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return e.issuer.Roles(req)
}

func client(claims map[string]any) []auth.Client {
	return []auth.Client{{ID: "odasync", Secret: secret, Roles: []string{"sync"}, Claims: claims}}
}

func TestIssuer_Token(t *testing.T) {
	e := newEndpoint(t, auth.Config{Clients: client(nil), Lifetime: 2 * time.Second, Now: registrytest.Noon().Now})
	rec := e.post(e.issuer.ServeToken, "", "", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"odasync"}, "client_secret": {secret},
	})
	var answer map[string]any
	testcheck.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
	signed, _ := answer["access_token"].(string)
	delete(answer, "access_token")
	want := map[string]any{"expires_in": 2.0, "refresh_expires_in": 0.0, "token_type": "Bearer", "not-before-policy": 0.0, "scope": "profile email"}
	testcheck.Equal(t, "answer", want, answer)
	var claims jwt.MapClaims
	token, _, err := jwt.NewParser().ParseUnverified(signed, &claims)
	testcheck.NoError(t, err)
	if token.Method.Alg() != "RS256" || token.Header["kid"] == nil {
		t.Errorf("header %v, want RS256 and a kid", token.Header)
	}
	for name, want := range map[string]any{
		"iss": "http://registry/realms/odari", "aud": "account", "azp": "odasync", "typ": "Bearer",
		"iat": float64(registrytest.Noon().Time.Unix()), "exp": float64(registrytest.Noon().Time.Unix() + 2),
		"resource_access": map[string]any{
			"account":           map[string]any{"roles": []any{"manage-account", "view-profile"}},
			"componentregistry": map[string]any{"roles": []any{"sync"}},
		},
	} {
		testcheck.Equal(t, fmt.Sprintf("claim %s", name), want, claims[name])
	}
}

func TestIssuer_TokenRequests(t *testing.T) {
	credentials := url.Values{"grant_type": {"client_credentials"}}
	const wrong = `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`
	tests := []struct {
		name, id, secret string
		form             url.Values
		status           int
		body             string
	}{
		{"plain Basic", "odasync", secret, credentials, 200, ""},
		{"encoded Basic", url.QueryEscape("odasync"), url.QueryEscape(secret), credentials, 200, ""},
		{"wrong secret", "odasync", "s3cr3t", credentials, 401, wrong},
		{"wrong encoding", "odasync", "%", credentials, 401, wrong},
		{"unknown client", "other", secret, credentials, 401, wrong},
		{"no client", "", "", credentials, 401, wrong},
		{"no grant", "odasync", secret, nil, 400, `{"error":"invalid_request","error_description":"Missing form parameter: grant_type"}`},
		{"other grant", "odasync", secret, url.Values{"grant_type": {"password"}}, 400,
			`{"error":"unsupported_grant_type","error_description":"Unsupported grant_type"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEndpoint(t, auth.Config{Clients: client(nil)})
			rec := e.post(e.issuer.ServeToken, tt.id, tt.secret, tt.form)
			if rec.Code != tt.status || tt.body != "" && strings.TrimSpace(rec.Body.String()) != tt.body {
				t.Errorf("%d %s, want %d %s", rec.Code, rec.Body, tt.status, tt.body)
			}
		})
	}
}

func TestIssuer_Roles(t *testing.T) {
	tests := []struct {
		name   string
		claims map[string]any
		age    time.Duration // of the token when it is used
		want   []string
		err    error
	}{
		{"valid", nil, time.Minute, []string{"sync"}, nil},
		{"expired", nil, time.Hour, nil, auth.ErrUnauthenticated},
		{"without expiry", map[string]any{"exp": nil}, 0, nil, auth.ErrUnauthenticated},
		{"not valid yet", map[string]any{"nbf": registrytest.Noon().Time.Unix() + 60}, 0, nil, auth.ErrUnauthenticated},
		{"other issuer", map[string]any{"iss": "http://registry/realms/other"}, 0, nil, auth.ErrUnauthenticated},
		{"other audience", map[string]any{"aud": "other"}, 0, nil, auth.ErrUnauthenticated},
		{"several audiences", map[string]any{"aud": []string{"other", "account"}}, 0, []string{"sync"}, nil},
		{"without access", map[string]any{"resource_access": nil}, 0, nil, auth.ErrNoAccess},
		{"without roles", map[string]any{"resource_access": map[string]any{}}, 0, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock := registrytest.Noon()
			e := newEndpoint(t, auth.Config{Clients: client(tt.claims), Now: clock.Now})
			token := e.token()
			clock.Advance(tt.age)
			got, err := e.roles(token)
			if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v; roles (-want +got):\n%s", err, tt.err, diff)
			}
		})
	}
}

func TestIssuer_RefusesOtherTokens(t *testing.T) {
	e := newEndpoint(t, auth.Config{Clients: client(nil)})
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	testcheck.NoError(t, err)
	foreign := newEndpoint(t, auth.Config{Clients: client(nil)}).token()
	for name, token := range map[string]string{"none": "", "text": "x", "unsigned": unsigned, "of another issuer": foreign} {
		if _, err := e.roles(token); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%s: error %v, want %v", name, err, auth.ErrUnauthenticated)
		}
	}
}

func TestIssuer_Cookie(t *testing.T) {
	e := newEndpoint(t, auth.Config{Clients: client(nil)})
	req := httptest.NewRequest("GET", "/resource", nil)
	req.AddCookie(&http.Cookie{Name: "access_token", Value: e.token()})
	if got, err := e.issuer.Roles(req); err != nil || len(got) != 1 {
		t.Errorf("roles %v, error %v, want sync", got, err)
	}
}

func TestIssuer_CachesKeysForEver(t *testing.T) {
	e := newEndpoint(t, auth.Config{Clients: client(nil)})
	old := e.token()
	check := func(when, token string, want error) {
		t.Helper()
		if _, err := e.roles(token); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", when, err, want)
		}
	}
	check("before the rotation", old, nil)
	e.issuer.RotateKeys()
	check("old token after the rotation", old, nil)
	renewed := e.token()
	check("new token after the rotation", renewed, auth.ErrUnauthenticated)
	e.issuer.ForgetKeys()
	check("new token after a restart", renewed, nil)
	check("old token after a restart", old, auth.ErrUnauthenticated)
}

func TestIssuer_Login(t *testing.T) {
	clock := registrytest.Noon()
	e := newEndpoint(t, auth.Config{User: "admin", Password: secret, Now: clock.Now})
	tests := []struct {
		name   string
		form   url.Values
		status int
	}{
		{"without grant", url.Values{"username": {"admin"}, "password": {secret}}, 200},
		{"with grant", url.Values{"username": {"admin"}, "password": {secret}, "grant_type": {"password"}}, 200},
		{"other grant", url.Values{"username": {"admin"}, "password": {secret}, "grant_type": {"x"}}, 401},
		{"wrong password", url.Values{"username": {"admin"}, "password": {"x"}}, 401},
		{"nothing", nil, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := e.post(e.issuer.ServeLogin, "", "", tt.form)
			testcheck.MustEqual(t, "status", tt.status, rec.Code)
			var answer map[string]string
			testcheck.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
			if tt.status != 200 {
				return
			}
			if got, err := e.roles(answer["access_token"]); err != nil || !cmp.Equal(got, []string{"admin"}) {
				t.Errorf("roles %v, error %v, want admin", got, err)
			}
		})
	}
	none := newEndpoint(t, auth.Config{})
	testcheck.Equal(t, "status without a user", 401, none.post(none.issuer.ServeLogin, "", "", nil).Code)
}

func TestIssuer_BasicRoles(t *testing.T) {
	issuer := auth.New(auth.Config{Clients: client(nil), User: "admin", Password: secret})
	for id, want := range map[string][]string{"odasync": {"sync"}, "admin": {"admin"}, "other": nil, "": nil} {
		req := httptest.NewRequest("GET", "/", nil)
		if id != "" {
			req.SetBasicAuth(id, secret)
		}
		got, err := issuer.BasicRoles(req)
		if !cmp.Equal(got, want) || (want == nil) != errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%q: roles %v, error %v, want %v", id, got, err, want)
		}
	}
}
