package auth

import (
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The paths of the token endpoint and of the local login.
const (
	TokenPath = realm + "/protocol/openid-connect/token"
	LoginPath = "/token"
)

const (
	scope         = "profile email"
	loginLifetime = 30 * time.Minute
)

type tokenAnswer struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshExpiresIn int64  `json:"refresh_expires_in"`
	TokenType        string `json:"token_type"`
	NotBefore        int64  `json:"not-before-policy"`
	Scope            string `json:"scope"`
}

type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// ServeToken answers a request for client credentials as Keycloak does. Id and
// secret are HTTP Basic or fields of the form.
func (i *Issuer) ServeToken(w http.ResponseWriter, r *http.Request) {
	switch grant := r.PostFormValue("grant_type"); grant {
	case "client_credentials":
	case "":
		answer(w, http.StatusBadRequest, tokenError{"invalid_request", "Missing form parameter: grant_type"})
		return
	default:
		answer(w, http.StatusBadRequest, tokenError{"unsupported_grant_type", "Unsupported grant_type"})
		return
	}
	client, ok := i.authenticate(r.PostFormValue("client_id"), r.PostFormValue("client_secret"))
	if id, secret, basic := r.BasicAuth(); basic {
		client, ok = i.authenticateBasic(id, secret)
	}
	if !ok {
		answer(w, http.StatusUnauthorized, tokenError{"unauthorized_client", "Invalid client or Invalid client credentials"})
		return
	}
	base := "http://" + r.Host
	if r.TLS != nil {
		base = "https://" + r.Host
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr) // of no use but to a reader of the token
	answer(w, http.StatusOK, tokenAnswer{
		AccessToken: i.token(client, base, host), ExpiresIn: int64(i.cfg.Lifetime / time.Second), TokenType: "Bearer", Scope: scope,
	})
}

// ServeLogin answers a login of the local user.
func (i *Issuer) ServeLogin(w http.ResponseWriter, r *http.Request) {
	grant := r.PostFormValue("grant_type")
	if grant != "" && grant != "password" || !i.isUser(r.PostFormValue("username"), r.PostFormValue("password")) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		answer(w, http.StatusUnauthorized, map[string]string{"detail": "Incorrect username or password"})
		return
	}
	now := i.cfg.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject: i.cfg.User, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(loginLifetime)),
	}).SignedString(i.local)
	if err != nil {
		panic("sign token: " + err.Error()) // any bytes are a key
	}
	answer(w, http.StatusOK, map[string]string{"access_token": signed, "token_type": "bearer"})
}

func (i *Issuer) isUser(name, password string) bool {
	return i.cfg.User != "" && same(i.cfg.User, name) && same(i.cfg.Password, password)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone needs no answer
}
