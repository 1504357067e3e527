package adapter

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"odasync/internal/registry"
	"odasync/internal/registry/transport"
	"odasync/internal/target"
)

const (
	// askTimeout is the time limit of one question. A tmf639 registry may block for 30 s; then it is asked again.
	askTimeout = 10 * time.Second
	// askedBody is the part of an answer that is read, in bytes.
	askedBody = 64 << 10
	// shownWords is the part of an answer that a refusal repeats, in characters.
	shownWords = 60
)

// asker asks a service what it is. Its questions change nothing.
type asker struct {
	http *http.Client
	base *url.URL // without user and password
	// authorization is the configured Authorization header, which is sent only where a question is refused without it.
	authorization string
}

func newAsker(cfg registry.Config) *asker {
	base, err := url.Parse(cfg.Address())
	if err != nil { // Validate rejects it
		base = &url.URL{}
	}
	return &asker{
		http: &http.Client{
			Transport:     transport.New(cfg.Transport, 1),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: base, authorization: cfg.Authorization(),
	}
}

func (a *asker) close() { a.http.CloseIdleConnections() }

// answer is what a service said.
type answer struct {
	question    string // method and path
	status      int
	contentType string
	body        []byte
	private     bool // it may repeat the credentials
}

// ask sends GET for a path below the base. Its error is a [*target.Failure], or the context's error.
func (a *asker) ask(ctx context.Context, path string) (answer, error) {
	seen, err := a.get(ctx, a.base.JoinPath(path), "")
	if err == nil && (seen.status == http.StatusUnauthorized || seen.status == http.StatusForbidden) && a.authorization != "" {
		return a.get(ctx, a.base.JoinPath(path), a.authorization)
	}
	return seen, err
}

// askRoot is ask for a path of the server, whatever the path of the base.
func (a *asker) askRoot(ctx context.Context, path string) (answer, error) {
	return a.get(ctx, a.root().JoinPath(path), "")
}

// root returns the base without its path.
func (a *asker) root() *url.URL { return &url.URL{Scheme: a.base.Scheme, Host: a.base.Host} }

func (a *asker) get(ctx context.Context, to *url.URL, authorization string) (answer, error) {
	seen := answer{question: "GET /" + strings.TrimPrefix(to.EscapedPath(), "/"), private: authorization != ""}
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, to.String(), nil)
	if err != nil {
		return seen, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", registry.UserAgent)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := a.http.Do(request)
	if err == nil {
		defer response.Body.Close()
		seen.status = response.StatusCode
		seen.contentType, _, _ = mime.ParseMediaType(response.Header.Get("Content-Type"))
		seen.body, err = io.ReadAll(io.LimitReader(response.Body, askedBody))
	}
	if ctx.Err() != nil {
		return seen, ctx.Err()
	}
	if err != nil {
		return seen, &target.Failure{Class: target.ClassUnavailable, Request: seen.question, Err: registry.TransportError(err)}
	}
	return seen, nil
}

// content describes the kind of answer and how it begins.
func (a answer) content() string {
	text := ""
	if a.contentType != "" {
		text = a.contentType + ", "
	}
	if words := a.words(); words != "" {
		text += fmt.Sprintf("%q, ", words)
	}
	return text
}

// words is how the answer begins, in one line.
func (a answer) words() string {
	words := []rune(registry.Clean(string(a.body)))
	switch {
	case a.private:
		return ""
	case len(words) > shownWords:
		return string(words[:shownWords]) + "…"
	}
	return string(words)
}

// object decodes a success that is a JSON object; nil for any other answer. The names are matched with their case.
func (a answer) object() map[string]any {
	var fields map[string]any
	if a.status < 200 || a.status > 299 || json.Unmarshal(a.body, &fields) != nil {
		return nil
	}
	return fields
}

// unavailable reports whether the service cannot answer at present.
func (a answer) unavailable() bool {
	return a.status >= 500 || a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.status == http.StatusTooEarly
}

// text reports whether the answer is a success in plain words.
func (a answer) text() bool {
	return a.status == http.StatusOK && strings.HasPrefix(a.contentType, "text/")
}
