package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrUnauthenticated says that a request has no valid token.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrNoAccess says that a valid token lacks the claim resource_access.
	ErrNoAccess = errors.New("token without resource_access")
)

// claims are those that are checked.
type claims struct {
	jwt.RegisteredClaims
	Access map[string]access `json:"resource_access"`
}

type access struct {
	Roles []string `json:"roles"`
}

// Roles returns the roles of a request's token, which is a bearer token or the
// cookie access_token.
func (i *Issuer) Roles(r *http.Request) ([]string, error) {
	var of claims
	token, err := jwt.ParseWithClaims(tokenOf(r), &of, i.keyOf,
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg(), jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(i.cfg.Now))
	if err != nil {
		return nil, ErrUnauthenticated // without a reason: it would help to guess
	}
	if token.Method == jwt.SigningMethodHS256 {
		return []string{"admin"}, nil
	}
	if !strings.HasSuffix(of.Issuer, realm) || !slices.Contains(of.Audience, audience) {
		return nil, ErrUnauthenticated
	}
	if of.Access == nil {
		return nil, ErrNoAccess
	}
	return of.Access[resource].Roles, nil
}

// BasicRoles returns the roles of the client or user whose id and secret a
// browser sends.
func (i *Issuer) BasicRoles(r *http.Request) ([]string, error) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return nil, ErrUnauthenticated
	}
	if i.isUser(id, secret) {
		return []string{"admin"}, nil
	}
	client, ok := i.authenticate(id, secret)
	if !ok {
		return nil, ErrUnauthenticated
	}
	return client.Roles, nil
}

func (i *Issuer) keyOf(token *jwt.Token) (any, error) {
	if token.Method == jwt.SigningMethodHS256 {
		return i.local, nil
	}
	id, _ := token.Header["kid"].(string)
	key, known := i.verifying(id)
	if !known {
		return nil, fmt.Errorf("unknown key %q", id)
	}
	return key, nil
}

func tokenOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return token
	}
	if cookie, err := r.Cookie("access_token"); err == nil {
		return strings.TrimPrefix(cookie.Value, "Bearer ")
	}
	return ""
}
