package refregistry

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/tmf639"
	"odasync/internal/refregistry/web"
)

// authorize requires the API key. With tokens the contract itself decides about
// its own requests, and the page takes what permits a listing.
func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := web.Serves(r.URL.Path)
		switch {
		case s.cfg.APIKey == "" && s.issuer == nil, r.URL.Path == "/health", s.hasKey(r):
			next.ServeHTTP(w, r)
		case s.issuer != nil && (!page || s.mayRead(r)):
			next.ServeHTTP(w, r)
		case page:
			web.RequireLogin(w, s.issuer != nil)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.api.Refuse(w, http.StatusUnauthorized, "A valid API key is required")
		}
	})
}

// hasKey looks for the key as a Bearer token and, for the page alone, as the
// password of HTTP Basic: a browser sends that with every request by itself, so
// that any other site could write to the API.
func (s *Server) hasKey(r *http.Request) bool {
	if s.cfg.APIKey == "" {
		return false
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		if !web.Serves(r.URL.Path) {
			return false
		}
		_, key, _ = r.BasicAuth() // without one the key is empty, and wrong
	}
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.APIKey)) == 1
}

// roles are those of a token; the API key permits everything.
func (s *Server) roles(r *http.Request) ([]string, error) {
	if s.hasKey(r) {
		return []string{"admin"}, nil
	}
	return s.issuer.Roles(r)
}

// mayRead decides about the page, to which a browser sends a client's id and
// secret.
func (s *Server) mayRead(r *http.Request) bool {
	roles, err := s.issuer.BasicRoles(r)
	return err == nil && tmf639.MayList(roles)
}

// RotateKeys makes the token endpoint sign with a new key. The registry keeps
// the old ones until Restart, and refuses every new token.
func (s *Server) RotateKeys() { s.issuer.RotateKeys() }

// Restart does what a restart of the deployed TMF639 registry does, which keeps
// its documents: it fetches the keys of the tokens again, and sends events again
// to hubs that refused one.
func (s *Server) Restart() {
	s.tmf639.Restart()
	if s.issuer != nil {
		s.issuer.ForgetKeys()
	}
}

// handleLogin serves the endpoints that issue tokens.
func (s *Server) handleLogin() {
	s.tmf639.Handle(http.MethodPost, auth.TokenPath, http.HandlerFunc(s.issuer.ServeToken))
	s.tmf639.Handle(http.MethodPost, auth.LoginPath, http.HandlerFunc(s.issuer.ServeLogin))
}
