package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"odasync/internal/config"
	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clientID = "odasync"
	secret   = "s3cr3t/+ä"
)

// endpoint is a token endpoint that answers as it is told.
type endpoint struct {
	URL    string
	issued atomic.Int32
	mu     sync.Mutex
	answer func(w http.ResponseWriter, r *http.Request)
}

func newEndpoint(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *endpoint {
	t.Helper()
	e := &endpoint{answer: answer}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		answer := e.answer
		e.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	e.URL = server.URL + "/token?tenant=hidden"
	return e
}

func (e *endpoint) set(answer func(w http.ResponseWriter, r *http.Request)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

// issue answers with another token each time; seconds is its lifetime, 0 for none.
func (e *endpoint) issue(seconds int) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		lifetime := ""
		if seconds > 0 {
			lifetime = fmt.Sprintf(`,"expires_in":%d`, seconds)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer"%s}`, e.issued.Add(1), lifetime)
	}
}

// says answers with the status, the content type and the body.
func says(status int, contentType, body string) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hang gives no answer until the client leaves, which a server notices once it has read the body.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func newSource(t *testing.T, variables map[string]string) *Source {
	t.Helper()
	all := map[string]string{"OAUTH2_CLIENT_ID": clientID}
	for name, value := range variables {
		all[name] = value
	}
	if all["OAUTH2_CLIENT_SECRET_FILE"] == "" {
		all["OAUTH2_CLIENT_SECRET"] = secret
	}
	var cfg Config
	testcheck.NoError(t, config.Load(t.Context(), envconfig.MapLookuper(all), &cfg))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	s := New(cfg, transport)
	t.Cleanup(s.Close)
	return s
}

func (e *endpoint) source(t *testing.T) *Source {
	t.Helper()
	return newSource(t, map[string]string{"OAUTH2_TOKEN_URL": e.URL})
}

// demand is the first 401 of the registry.
func demand(t *testing.T, s *Source) *Token {
	t.Helper()
	token, err := s.Rejected(t.Context(), nil)
	testcheck.NoError(t, err)
	return token
}

// age makes the current token older.
func age(s *Source, by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	older := *s.current
	older.obtained = older.obtained.Add(-by)
	if !older.expiry.IsZero() {
		older.expiry = older.expiry.Add(-by)
	}
	s.current = &older
}

func authorization(t *testing.T, s *Source) string {
	t.Helper()
	token, err := s.Token(t.Context())
	testcheck.NoError(t, err)
	if token == nil {
		return ""
	}
	return token.Authorization()
}

func TestSource_IsAnonymousFirst(t *testing.T) {
	e := newEndpoint(t, nil)
	e.set(e.issue(300))
	s := e.source(t)
	if got := authorization(t, s); got != "" || e.issued.Load() != 0 {
		t.Errorf("%q before the registry asked, %d tokens fetched", got, e.issued.Load())
	}
	testcheck.Equal(t, "authorization after a 401", "Bearer token-1", demand(t, s).Authorization())
	for range 3 {
		testcheck.Equal(t, "authorization later", "Bearer token-1", authorization(t, s))
	}
}

func TestSource_RenewsEarly(t *testing.T) {
	for name, test := range map[string]struct {
		lifetime int
		age      time.Duration
		now      string // what a request is sent with
		then     string // what the requests after it are sent with in the end
	}{
		"when it is fresh":                {300, 0, "token-1", "token-1"},
		"when it has 31 s left":           {300, 269 * time.Second, "token-1", "token-1"},
		"when it has 29 s left":           {300, 271 * time.Second, "token-1", "token-2"}, // no request waits for it
		"when it has expired":             {300, 301 * time.Second, "token-2", "token-2"},
		"when it lives for 2 s":           {2, 0, "token-1", "token-1"},
		"when a short life nears its end": {40, 31 * time.Second, "token-1", "token-2"},
		"when it has no lifetime":         {0, time.Hour, "token-1", "token-1"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, nil)
			e.set(e.issue(test.lifetime))
			s := e.source(t)
			demand(t, s)
			age(s, test.age)
			testcheck.Equal(t, "authorization", "Bearer "+test.now, authorization(t, s))
			<-s.flights.DoChan("", func() (any, error) { return nil, nil }) // waits for a renewal that is under way
			testcheck.Equal(t, "authorization later", "Bearer "+test.then, authorization(t, s))
		})
	}
}

// Fifty workers whose token expires together cause one request.
func TestSource_RenewsOnceForAll(t *testing.T) {
	e := newEndpoint(t, nil)
	e.set(e.issue(300))
	s := e.source(t)
	old := demand(t, s)
	for name, use := range map[string]func() (*Token, error){
		"when it has expired":  func() (*Token, error) { return s.Token(t.Context()) },
		"when it was rejected": func() (*Token, error) { return s.Rejected(t.Context(), old) },
	} {
		t.Run(name, func(t *testing.T) {
			age(s, time.Hour)
			s.mu.Lock()
			old = s.current
			s.mu.Unlock()
			before := e.issued.Load()
			var group errgroup.Group
			for range 50 {
				group.Go(func() error {
					token, err := use()
					if err == nil && token.Authorization() != fmt.Sprintf("Bearer token-%d", before+1) {
						err = errors.New("sent " + token.Authorization())
					}
					return err
				})
			}
			if err := group.Wait(); err != nil {
				t.Error(err)
			}
			testcheck.Equal(t, "tokens fetched", 1, e.issued.Load()-before)
		})
	}
}

func TestSource_ReplacesAnOldTokenOnly(t *testing.T) {
	e := newEndpoint(t, nil)
	e.set(e.issue(300))
	s := e.source(t)
	first := demand(t, s)
	if again, err := s.Rejected(t.Context(), first); again != nil || err != nil {
		t.Errorf("a fresh token that is rejected is replaced: %v, %v", again, err)
	}
	age(s, time.Minute)
	s.mu.Lock()
	older := s.current
	s.mu.Unlock()
	second, err := s.Rejected(t.Context(), older)
	if err != nil || second.Authorization() != "Bearer token-2" {
		t.Errorf("an old token that is rejected is not replaced: %v, %v", second, err)
	}
	if third, err := s.Rejected(t.Context(), older); third != second || err != nil {
		t.Errorf("the token that another caller fetched is not used: %v, %v", third, err)
	}
}

// Some issuers take the credentials as HTTP Basic, others in the form.
func TestSource_FindsTheFormOfTheCredentials(t *testing.T) {
	for name, accepts := range map[string]func(r *http.Request) bool{
		"when it is Basic": func(r *http.Request) bool { id, _, basic := r.BasicAuth(); return basic && id == clientID },
		"when it is the form": func(r *http.Request) bool {
			return r.PostFormValue("client_id") == clientID && r.PostFormValue("client_secret") == secret
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, nil)
			asked, scopes := 0, ""
			e.set(func(w http.ResponseWriter, r *http.Request) {
				asked, scopes = asked+1, r.PostFormValue("scope")
				if r.PostFormValue("grant_type") != "client_credentials" || !accepts(r) {
					says(http.StatusUnauthorized, "application/json", `{"error":"invalid_client"}`)(w, r)
					return
				}
				e.issue(300)(w, r)
			})
			s := newSource(t, map[string]string{"OAUTH2_TOKEN_URL": e.URL, "OAUTH2_SCOPES": "read, write"})
			demand(t, s)
			found := asked
			age(s, time.Hour)
			authorization(t, s)
			if asked != found+1 || scopes != "read write" {
				t.Errorf("%d requests for the second token, with the scopes %q", asked-found, scopes)
			}
		})
	}
}

func TestSource_Failures(t *testing.T) {
	const unavailable, unauthorized = target.ClassUnavailable, target.ClassUnauthorized
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		class  target.Class
		want   []string
	}{
		"when the secret is wrong":    {says(401, "application/json", `{"error":"invalid_client","error_description":"Bad credentials"}`), unauthorized, []string{"HTTP 401, invalid_client: Bad credentials", remedyClient}},
		"when Keycloak says so":       {says(401, "application/json", `{"error":"unauthorized_client"}`), unauthorized, []string{"unauthorized_client", remedyClient}},
		"when it is 400":              {says(400, "application/json", `{"error":"invalid_client"}`), unauthorized, []string{"HTTP 400, invalid_client", remedyClient}},
		"when the scope is unknown":   {says(400, "application/json", `{"error":"invalid_scope"}`), unauthorized, []string{remedyScopes}},
		"when it is a page":           {says(200, "text/html", "<html>Welcome</html>"), unauthorized, []string{"the answer has no token", remedyURL}},
		"when it is another object":   {says(200, "application/json", `{"hello":"you"}`), unauthorized, []string{"missing access_token", remedyURL}},
		"when it is an unknown path":  {says(404, "text/html", "<html>\n<h1>Not Found</h1>"), unauthorized, []string{`HTTP 404, text/html, "<html> <h1>Not Found</h1>"`, remedyURL}},
		"when it redirects":           {says(302, "text/html", ""), unauthorized, []string{"HTTP 302", remedyURL}},
		"when its proxy is overtaxed": {says(502, "text/html", "<h1>Bad Gateway</h1>"), unavailable, []string{"HTTP 502, text/html", remedyDown}},
		"when it is busy":             {says(429, "text/plain", ""), unavailable, []string{"HTTP 429", remedyDown}},
		"when it closes connections":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unavailable, []string{"EOF", remedyDown}},
		"when it repeats the secrets": {func(w http.ResponseWriter, r *http.Request) {
			id, word, _ := r.BasicAuth()
			said := r.Header.Get("Authorization") + id + word + r.PostFormValue("client_secret")
			says(403, "application/json", fmt.Sprintf(`{"error":"no","error_description":%q}`, said))(w, r)
		}, unauthorized, []string{"HTTP 403", "***"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, test.answer)
			s := e.source(t)
			_, err := s.Rejected(t.Context(), nil)
			var failure *target.Failure
			if !errors.As(err, &failure) || failure.Class != test.class {
				t.Fatalf("error %v, want class %s", err, test.class)
			}
			testcheck.ErrorContains(t, err, append(test.want, "OAUTH2_TOKEN_URL "+strings.TrimSuffix(e.URL, "?tenant=hidden")+":")...)
			for _, hidden := range []string{secret, "s3cr3t", "hidden"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("%q shows %q", err, hidden)
				}
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v counts as a time-out of the registry", err)
			}
		})
	}
	t.Run("when nothing listens", func(t *testing.T) {
		s := newSource(t, map[string]string{"OAUTH2_TOKEN_URL": "http://127.0.0.1:1/token"})
		if _, err := s.Rejected(t.Context(), nil); target.ClassOf(err) != unavailable || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("when it hangs", func(t *testing.T) {
		e := newEndpoint(t, hang)
		s := e.source(t)
		s.timeout = 20 * time.Millisecond
		if _, err := s.Rejected(t.Context(), nil); target.ClassOf(err) != unavailable || !strings.Contains(err.Error(), "no answer within 20ms") || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("when the caller leaves", func(t *testing.T) {
		e := newEndpoint(t, hang)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := e.source(t).Rejected(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

// An endpoint that is down is asked once a second, and a token that is still valid is used meanwhile.
func TestSource_OutlastsTheEndpoint(t *testing.T) {
	e := newEndpoint(t, nil)
	e.set(e.issue(300))
	s := e.source(t)
	demand(t, s)
	var asked atomic.Int32
	e.set(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		says(503, "text/plain", "")(w, r)
	})
	age(s, 280*time.Second)
	for range 20 {
		testcheck.Equal(t, "authorization", "Bearer token-1", authorization(t, s))
		<-s.flights.DoChan("", func() (any, error) { return nil, nil })
	}
	age(s, 30*time.Second)
	for range 20 {
		if _, err := s.Token(t.Context()); target.ClassOf(err) != target.ClassUnavailable {
			t.Errorf("error %v", err)
		}
	}
	if asked.Load() > 2 { // the two forms of the credentials are tried only for the first token
		t.Errorf("asked %d times", asked.Load())
	}
	e.set(e.issue(300))
	s.mu.Lock()
	s.failed = s.failed.Add(-failurePause)
	s.mu.Unlock()
	testcheck.Equal(t, "authorization after the endpoint returned", "Bearer token-2", authorization(t, s))
}

func TestSource_ReadsTheSecretAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		testcheck.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	e := newEndpoint(t, nil)
	valid := "first"
	e.set(func(w http.ResponseWriter, r *http.Request) {
		if _, word, _ := r.BasicAuth(); word != valid {
			says(401, "application/json", `{"error":"invalid_client"}`)(w, r)
			return
		}
		e.issue(300)(w, r)
	})
	write("first\n")
	s := newSource(t, map[string]string{"OAUTH2_TOKEN_URL": e.URL, "OAUTH2_CLIENT_SECRET_FILE": file})
	demand(t, s)
	valid = "second"
	write("second\n")
	age(s, time.Hour)
	testcheck.Equal(t, "authorization", "Bearer token-2", authorization(t, s))
	testcheck.NoError(t, os.Remove(file))
	age(s, time.Hour)
	if _, err := s.Token(t.Context()); target.ClassOf(err) != target.ClassUnauthorized || !strings.Contains(err.Error(), "OAUTH2_CLIENT_SECRET_FILE") {
		t.Errorf("error %v", err)
	}
}

func TestSource_Redact(t *testing.T) {
	e := newEndpoint(t, nil)
	e.set(e.issue(300))
	s := e.source(t)
	used := demand(t, s)
	age(s, time.Hour)
	authorization(t, s)
	text := "you sent token-1, others send token-2, and " + secret
	testcheck.Equal(t, "redacted", "you sent ***, others send ***, and ***", string(s.Redact([]byte(text), used)))
}

func loadConfig(t *testing.T, variables map[string]string) error {
	t.Helper()
	return config.Load(t.Context(), envconfig.MapLookuper(variables), new(Config))
}
