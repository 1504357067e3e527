package registry

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"odasync/internal/target"
)

// pathKind tells what a 404 is about.
type pathKind int

const (
	// collection: a path that every registry of the kind has.
	collection pathKind = iota
	// item: a path with an id, behind which there may be nothing any more.
	item
)

// answer is how a request ended: with a transport error, or with a status.
type answer struct {
	err    error
	status int
	header http.Header
	body   []byte // as much of it as words are taken from
	// unreadable says that the status is one of success and the body is not what it should be.
	unreadable error
}

// classify turns an answer that is not success into a failure. It is the only place where a failure's class is decided
// from what came over the wire; the caller's own context having ended is not its business.
//
// A class that ends in a dead letter is given only to answers that judge the content. An answer that is not listed
// says nothing about the content, so it is the registry's or the configuration's trouble.
func classify(api, request string, kind pathKind, a answer, now time.Time) *target.Failure {
	f := &target.Failure{Class: target.ClassUnauthorized, Request: request, Status: a.status, Err: a.err}
	if a.err != nil {
		f.Class = target.ClassUnavailable
		return f
	}
	if a.unreadable != nil {
		f.Detail = fmt.Sprintf("the answer is not what a %s Component Registry sends (%v): check COMPONENT_REGISTRY_URL", api, a.unreadable)
		return f
	}
	f.Detail = detail(a.body)
	switch status := a.status; {
	case status == http.StatusTooManyRequests:
		f.Class = target.ClassRateLimited
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		f.Class = target.ClassUnavailable
	case status >= 300 && status < 400:
		f.Detail = fmt.Sprintf("redirected to %s: set COMPONENT_REGISTRY_URL to the address that answers itself", redirectTarget(a.header))
	case status == http.StatusNotFound, status == http.StatusGone:
		if kind == item {
			f.Class = target.ClassConflict
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

func saysExists(words string) bool { return strings.Contains(strings.ToLower(words), "already exists") }

// maxRetryAfter bounds what a registry may ask for: a wrong header must not stop the sync for a day.
const maxRetryAfter = time.Minute

// retryAfter reads both forms of the header: seconds, and a date. What it cannot read, and the past, is no wait.
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
