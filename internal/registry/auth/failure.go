package auth

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"odasync/internal/target"
)

// The remedies for a token endpoint that gives no token.
const (
	remedyDown   = "check that the endpoint is running and can be reached; odasync tries again"
	remedyURL    = "set OAUTH2_TOKEN_URL to the token endpoint, with Keycloak https://HOST/realms/REALM/protocol/openid-connect/token"
	remedyClient = "set OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET to a client that may use client credentials"
	remedyScopes = "set OAUTH2_SCOPES to scopes that the client may have"
)

// shownWords is the part of an answer that a failure repeats, in characters.
const shownWords = 80

func (s *Source) failureOf(class target.Class, seen, remedy string) *target.Failure {
	seen = string(s.Redact([]byte(seen), nil))
	return &target.Failure{Class: class, Detail: fmt.Sprintf("no token from OAUTH2_TOKEN_URL %s: %s: %s", s.cfg.endpoint(), seen, remedy)}
}

// unreadable is the failure of a secret whose file cannot be read again.
func (s *Source) unreadable(err error) *target.Failure {
	return &target.Failure{Class: target.ClassUnauthorized, Detail: "no token: read OAUTH2_CLIENT_SECRET_FILE: " + err.Error()}
}

// describe turns the error of a request for a token into a failure. Its detail replaces the error, which may quote a token,
// and whose time-out would count as one of the registry.
func (s *Source) describe(err error) *target.Failure {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return s.refused(refused)
	}
	var transport *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return s.failureOf(target.ClassUnavailable, fmt.Sprintf("no answer within %s", s.timeout), remedyDown)
	case errors.As(err, &transport):
		return s.failureOf(target.ClassUnavailable, transport.Err.Error(), remedyDown)
	}
	return s.failureOf(target.ClassUnauthorized, "the answer has no token ("+strings.TrimPrefix(err.Error(), "oauth2: ")+")", remedyURL)
}

func (s *Source) refused(r *oauth2.RetrieveError) *target.Failure {
	status := r.Response.StatusCode
	seen := fmt.Sprintf("HTTP %d", status)
	if r.ErrorCode != "" {
		seen += ", " + strings.TrimSuffix(r.ErrorCode+": "+r.ErrorDescription, ": ")
	} else {
		if kind, _, err := mime.ParseMediaType(r.Response.Header.Get("Content-Type")); err == nil {
			seen += ", " + kind
		}
		if words := []rune(strings.Join(strings.Fields(string(s.Redact(r.Body, nil))), " ")); len(words) > 0 {
			seen += fmt.Sprintf(", %q", string(words[:min(len(words), shownWords)]))
		}
	}
	switch {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return s.failureOf(target.ClassUnavailable, seen, remedyDown)
	case r.ErrorCode == "invalid_scope":
		return s.failureOf(target.ClassUnauthorized, seen, remedyScopes)
	case slices.Contains([]string{"invalid_client", "unauthorized_client"}, r.ErrorCode),
		r.ErrorCode != "" && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return s.failureOf(target.ClassUnauthorized, seen, remedyClient)
	}
	return s.failureOf(target.ClassUnauthorized, seen, remedyURL)
}
