package registry

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"odasync/internal/registry/auth"
	"odasync/internal/target"
)

// pathKind decides what a 404 means.
type pathKind int

const (
	// collection: a path that every registry of the API has.
	collection pathKind = iota
	// item: a path with an id, which may have been deleted.
	item
)

// answer is the end of a request: a transport error or a status.
type answer struct {
	err    error
	status int
	header http.Header
	body   []byte      // of an error, as far as it is read
	token  *auth.Token // that was sent; nil for none
	// credential was sent in place of a token.
	credential *credential
	// malformed is set when the status is a success and the body cannot be decoded.
	malformed error
}

// classify turns an answer that is not a success into a failure. It is the only place that derives a class from an answer;
// the end of the caller's context is handled before.
//
// Only an answer that judges the content gets a class that ends in a dead letter. An answer that is not listed says
// nothing about the content: it is a problem of the registry or of the configuration.
func classify(api string, r Request, a answer, now time.Time) *target.Failure {
	f := &target.Failure{Class: target.ClassUnauthorized, Request: r.String(), Status: a.status, Err: a.err}
	if a.err != nil {
		f.Class = target.ClassUnavailable
		return f
	}
	if a.malformed != nil {
		f.Detail = fmt.Sprintf("the answer is not that of a %s Component Registry (%v): check COMPONENT_REGISTRY_URL", api, a.malformed)
		return f
	}
	f.Detail = detail(a.body)
	if a.token != nil {
		f.Detail = Clean(rejected(a.status, f.Detail, a.token.Claims))
	}
	switch status := a.status; {
	case status == http.StatusTooManyRequests:
		f.Class = target.ClassRateLimited
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		f.Class = target.ClassUnavailable
	case status >= 300 && status < 400:
		f.Detail = fmt.Sprintf("redirected to %s: set COMPONENT_REGISTRY_URL to the address that answers without a redirect", redirectTarget(a.header))
	case status == http.StatusNotFound, status == http.StatusGone, status == http.StatusMethodNotAllowed:
		switch {
		case r.kind() == item && status != http.StatusMethodNotAllowed:
			f.Class = target.ClassConflict
		case r.Method == http.MethodGet: // else it may speak of something that the body names
			f.Detail = strings.TrimPrefix(f.Detail+": ", ": ") + otherAPI(api)
		}
	case status == http.StatusConflict, status == http.StatusBadRequest && saysExists(f.Detail):
		f.Class = target.ClassConflict
	case status == http.StatusUnprocessableEntity, status == http.StatusBadRequest,
		status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		f.Class = target.ClassInvalid
	}
	if f.Class == target.ClassRateLimited || f.Class == target.ClassUnavailable {
		f.RetryAfter = retryAfter(a.header.Get("Retry-After"), now)
	}
	return f
}

// otherAPI is the remedy where the service lacks a path that every registry of the API has.
func otherAPI(api string) string {
	return fmt.Sprintf("every %s registry has this path: set COMPONENT_REGISTRY_URL to the base address of one, or COMPONENT_REGISTRY_API to the API of this service", api)
}

func saysExists(detail string) bool {
	return strings.Contains(strings.ToLower(detail), "already exists")
}

// maxRetryAfter is the longest pause that a registry can ask for: a wrong header must not stop the sync for a day.
const maxRetryAfter = time.Minute

// retryAfter parses both forms of the header, seconds and a date. An invalid value and a past date are no wait.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
