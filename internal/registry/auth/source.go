package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"

	"odasync/internal/config"
)

const (
	// fetchTimeout is the time limit of a request for a token.
	fetchTimeout = 15 * time.Second
	// failurePause is how long a failure answers for the token endpoint.
	failurePause = time.Second
)

// Source hands out tokens. It is safe for concurrent use.
type Source struct {
	cfg     Config
	http    *http.Client
	timeout time.Duration      // of a request for a token
	flights singleflight.Group // one request for a token at a time
	ends    context.Context    // the requests' context
	end     context.CancelFunc

	mu       sync.Mutex
	demanded bool   // the registry has asked for a token
	current  *Token // nil before the first
	failure  error  // of the last request for a token; nil after a success
	failed   time.Time
	secret   config.Secret // of client
	client   *clientcredentials.Config
}

// New expects a configuration that passed Validate. It sends no request.
func New(cfg Config, transport http.RoundTripper) *Source {
	s := &Source{cfg: cfg, timeout: fetchTimeout, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.ends, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends a request for a token and closes idle connections.
func (s *Source) Close() {
	s.end()
	s.http.CloseIdleConnections()
}

// Token returns the token for a request; nil before the registry has asked for one. Its error is a [*target.Failure] without
// a request, or the context's error.
func (s *Source) Token(ctx context.Context) (*Token, error) {
	now := time.Now()
	s.mu.Lock()
	demanded, current, due := s.demanded, s.current, now.Sub(s.failed) >= failurePause
	s.mu.Unlock()
	switch {
	case !demanded:
		return nil, nil
	case !current.valid(now):
		return s.fetch(ctx, current)
	case due && current.ageing(now):
		s.renew(current) // this request need not wait for it
	}
	return current, nil
}

// Rejected returns the token to repeat a request with, after the registry answered 401 to a request with the used token, or
// with none. It returns nil if the used token is fresh: another one would not fare better. Its error is as that of Token.
func (s *Source) Rejected(ctx context.Context, used *Token) (*Token, error) {
	s.mu.Lock()
	s.demanded = true
	current := s.current
	s.mu.Unlock()
	if used != nil && used == current && used.fresh(time.Now()) {
		return nil, nil
	}
	return s.fetch(ctx, used)
}

// fetch returns a valid token other than the given one.
func (s *Source) fetch(ctx context.Context, other *Token) (*Token, error) {
	if known, err := s.known(other); known != nil || err != nil {
		return known, err
	}
	select {
	case result := <-s.renew(other):
		token, _ := result.Val.(*Token)
		return token, result.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// known returns what another caller has fetched, or its failure of a moment ago.
func (s *Source) known(other *Token) (*Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case s.current != other && s.current.valid(now):
		return s.current, nil
	case s.failure != nil && now.Sub(s.failed) < failurePause:
		return nil, s.failure
	}
	return nil, nil
}

// renew fetches a token in place of another one, unless that is under way. It belongs to no caller, whose context may end.
func (s *Source) renew(other *Token) <-chan singleflight.Result {
	return s.flights.DoChan("", func() (any, error) {
		if known, err := s.known(other); known != nil || err != nil {
			return known, err
		}
		ctx, cancel := context.WithTimeout(s.ends, s.timeout)
		defer cancel()
		fetched, err := s.request(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failure = err; err != nil {
			s.failed = time.Now()
			return nil, err
		}
		s.current = newToken(fetched)
		return s.current, nil
	})
}

// request asks the endpoint. How it wants the credentials, as HTTP Basic or in the form, is found out with the first token.
func (s *Source) request(ctx context.Context) (*oauth2.Token, error) {
	secret, err := s.cfg.ClientSecret.Read()
	if err != nil {
		return nil, s.unreadable(err)
	}
	s.mu.Lock()
	if s.client == nil || s.secret != secret {
		s.secret = secret
		s.client = &clientcredentials.Config{
			ClientID: s.cfg.ClientID.Reveal(), ClientSecret: secret.Reveal(), TokenURL: s.cfg.TokenURL.Reveal(), Scopes: s.cfg.scopes(),
		}
	}
	client := s.client
	s.mu.Unlock()
	token, err := client.Token(context.WithValue(ctx, oauth2.HTTPClient, s.http))
	if err != nil {
		return nil, s.describe(err)
	}
	return token, nil
}

// Redact removes tokens and the secret from a text that quotes a request. used is the token of the request, or nil.
func (s *Source) Redact(text []byte, used *Token) []byte {
	s.mu.Lock()
	current, secret := s.current, s.secret.Reveal()
	s.mu.Unlock()
	id := s.cfg.ClientID.Reveal()
	hidden := []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))}
	for _, token := range []*Token{used, current} {
		if token != nil {
			hidden = append(hidden, token.value)
		}
	}
	for _, value := range hidden {
		if value != "" {
			text = bytes.ReplaceAll(text, []byte(value), []byte("***"))
		}
	}
	return text
}
