package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestClassify(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	refusedConn := errors.New("dial tcp 127.0.0.1:8000: connect: connection refused")
	const (
		unavailable, rateLimited, unauthorized, conflict, invalid = target.ClassUnavailable, target.ClassRateLimited, target.ClassUnauthorized, target.ClassConflict, target.ClassInvalid
	)
	tests := map[string]struct {
		kind  pathKind
		given answer
		retry string // the Retry-After header
		want  target.Failure
	}{
		"transport error":       {given: answer{err: refusedConn}, want: target.Failure{Class: unavailable, Err: refusedConn}},
		"transport error, item": {kind: item, given: answer{err: refusedConn}, want: target.Failure{Class: unavailable, Err: refusedConn}},
		"answer cut off":        {given: answer{status: 200, err: refusedConn}, want: target.Failure{Class: unavailable, Err: refusedConn}},
		"success with a strange body": {
			given: answer{malformed: errors.New("invalid character '<'"), status: 200},
			want:  target.Failure{Class: unauthorized, Detail: "the answer is not that of a v1 Component Registry (invalid character '<'): check COMPONENT_REGISTRY_URL"},
		},
		"500":                         {given: answer{status: 500, body: []byte("Internal Server Error")}, want: target.Failure{Class: unavailable, Detail: "Internal Server Error"}},
		"503 with seconds to wait":    {given: answer{status: 503}, retry: "12", want: target.Failure{Class: unavailable, RetryAfter: 12 * time.Second}},
		"429 with seconds":            {given: answer{status: 429}, retry: "50", want: target.Failure{Class: rateLimited, RetryAfter: 50 * time.Second}},
		"429 with a date":             {given: answer{status: 429}, retry: "Sun, 01 Mar 2026 12:00:40 GMT", want: target.Failure{Class: rateLimited, RetryAfter: 40 * time.Second}},
		"429 with a date gone by":     {given: answer{status: 429}, retry: "Sun, 01 Mar 2026 11:00:00 GMT", want: target.Failure{Class: rateLimited}},
		"429 with negative seconds":   {given: answer{status: 429}, retry: "-3", want: target.Failure{Class: rateLimited}},
		"429 with endless seconds":    {given: answer{status: 429}, retry: "9223372036854775807", want: target.Failure{Class: rateLimited, RetryAfter: maxRetryAfter}},
		"429 with a date far away":    {given: answer{status: 429}, retry: "Sun, 01 Mar 2126 12:01:30 GMT", want: target.Failure{Class: rateLimited, RetryAfter: maxRetryAfter}},
		"429 with nonsense":           {given: answer{status: 429}, retry: "soon", want: target.Failure{Class: rateLimited}},
		"404":                         {given: answer{status: 404, body: []byte(`{"detail":"Not Found"}`)}, want: target.Failure{Class: unauthorized, Detail: "Not Found: " + otherAPI("v1")}},
		"400 exists":                  {given: answer{status: 400, body: []byte(`{"detail":"Component a Already Exists in registry b"}`)}, want: target.Failure{Class: conflict, Detail: "Component a Already Exists in registry b"}},
		"400 otherwise":               {given: answer{status: 400, body: []byte(`{"detail":"Label with ID 7 not found"}`)}, want: target.Failure{Class: invalid, Detail: "Label with ID 7 not found"}},
		"422":                         {given: answer{status: 422, body: []byte(`{"detail":[{"loc":["body","name"],"msg":"too long","type":"x"}]}`)}, want: target.Failure{Class: invalid, Detail: "body.name: too long"}},
		"422 that speaks of existing": {given: answer{status: 422, body: []byte(`{"detail":"already exists"}`)}, want: target.Failure{Class: invalid, Detail: "already exists"}},
		"405":                         {given: answer{status: 405, body: []byte(`{"detail":"Method Not Allowed"}`)}, want: target.Failure{Class: unauthorized, Detail: "Method Not Allowed: " + otherAPI("v1")}},
		"400 of a TMF639 schema": {
			given: answer{status: 400, body: []byte(`{"detail":{"error":"Schema validation failed","message":"x","violations":["Missing required field: @type","description: None is not of type 'string'"]}}`)},
			want:  target.Failure{Class: invalid, Detail: "Schema validation failed: Missing required field: @type; description: None is not of type 'string'"},
		},
		"400 without violations":  {given: answer{status: 400, body: []byte(`{"detail":{"error":"Invalid","message":"all of it"}}`)}, want: target.Failure{Class: invalid, Detail: "Invalid: all of it"}},
		"400 of unreadable bytes": {given: answer{status: 400, body: []byte(`{"detail":"There was an error parsing the body"}`)}, want: target.Failure{Class: invalid, Detail: "There was an error parsing the body"}},
		"409 of TMF639":           {given: answer{status: 409, body: []byte(`{"detail":"Resource with id self:a already exists"}`)}, want: target.Failure{Class: conflict, Detail: "Resource with id self:a already exists"}},
		"403 with the permission": {given: answer{status: 403, body: []byte(`{"detail":"User does not have permission: resource.post"}`)}, want: target.Failure{Class: unauthorized, Detail: "User does not have permission: resource.post"}},
		"405 of a read-only one":  {kind: item, given: answer{status: 405, body: []byte(`{"message":"PATCH method not allowed","errors":[]}`)}, want: target.Failure{Class: unauthorized, Detail: "PATCH method not allowed: " + otherAPI("v1")}},
		"404 of a bare text":      {kind: item, given: answer{status: 404, body: []byte("Resource with id a not found")}, want: target.Failure{Class: conflict, Detail: "Resource with id a not found"}},
		"502 with a page":         {given: answer{status: 502, body: []byte("<!DOCTYPE html>\n<html><head><title>502 Bad Gateway &amp; more</title></head><h1>no</h1>")}, want: target.Failure{Class: unavailable, Detail: "a page, 502 Bad Gateway & more"}},
		"503 with a heading":      {given: answer{status: 503, body: []byte("<html><head><title> </title></head><h1 class=x>Closed\nfor today</h1>")}, want: target.Failure{Class: unavailable, Detail: "a page, Closed for today"}},
		"503 with neither":        {given: answer{status: 503, body: []byte("<p>Closed</p>")}, want: target.Failure{Class: unavailable, Detail: "<p>Closed</p>"}},
		"301": {
			given: answer{status: 301, header: http.Header{"Location": {"https://ada:word@registry.example.org/x?token=1#y"}}},
			want:  target.Failure{Class: unauthorized, Detail: "redirected to https://registry.example.org/x: set COMPONENT_REGISTRY_URL to the address that answers without a redirect"},
		},
		"307, item": {
			kind: item, given: answer{status: 307, header: http.Header{"Location": {"/components/1/"}}},
			want: target.Failure{Class: unauthorized, Detail: "redirected to /components/1: set COMPONENT_REGISTRY_URL to the address that answers without a redirect"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.retry != "" {
				test.given.header = http.Header{"Retry-After": {test.retry}}
			}
			test.want.Request, test.want.Status = at(test.kind).String(), test.given.status
			got := classify("v1", at(test.kind), test.given, now)
			testcheck.Equal(t, "failure", test.want, *got, cmpopts.EquateErrors())
		})
	}
}

// Every status that is not a success, on both kinds of paths, and every way in which there is none.
func TestClassify_EveryAnswer(t *testing.T) {
	expected := func(kind pathKind, status int) target.Class {
		switch status {
		case 408, 425:
			return target.ClassUnavailable
		case 429:
			return target.ClassRateLimited
		case 409:
			return target.ClassConflict
		case 404, 410:
			if kind == item {
				return target.ClassConflict
			}
		case 400, 413, 414, 422:
			return target.ClassInvalid
		}
		if status >= 500 {
			return target.ClassUnavailable
		}
		return target.ClassUnauthorized
	}
	const redirected = "redirected to an unknown address: set COMPONENT_REGISTRY_URL to the address that answers without a redirect"
	for status := 300; status < 600; status++ {
		for _, kind := range []pathKind{collection, item} {
			want := target.Failure{Class: expected(kind, status), Request: at(kind).String(), Status: status}
			switch {
			case status < 400:
				want.Detail = redirected
			case status == 405, kind == collection && (status == 404 || status == 410):
				want.Detail = otherAPI("v1")
			}
			testcheck.Equal(t, fmt.Sprintf("HTTP %d, kind %d", status, kind), want, *classify("v1", at(kind), answer{status: status}, time.Time{}))
		}
	}
	for name, err := range map[string]error{
		"refused": syscall.ECONNREFUSED, "reset": syscall.ECONNRESET, "broken pipe": syscall.EPIPE, "no route": syscall.EHOSTUNREACH,
		"time-out": &timeoutError{time.Second}, "cut off": io.ErrUnexpectedEOF, "no answer": io.EOF,
		"name": &net.DNSError{Err: "no such host", Name: "registry"}, "certificate": x509.UnknownAuthorityError{},
		"TLS": tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
	} {
		for _, kind := range []pathKind{collection, item} {
			if got := classify("v1", at(kind), answer{err: err}, time.Time{}); got.Class != target.ClassUnavailable || !errors.Is(got, err) {
				t.Errorf("%s, kind %d: %s (%v)", name, kind, got.Class, got)
			}
		}
	}
}

func TestDetail(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"a sentence":            {`{"detail":"Registry not found"}`, "Registry not found"},
		"a problem":             {`{"detail":[{"loc":["body","name"],"msg":"ensure this value has at most 100 characters","type":"x","ctx":{"limit_value":100}}]}`, "body.name: ensure this value has at most 100 characters"},
		"several problems":      {`{"detail":[{"loc":["body","name"],"msg":"field required"},{"loc":["body","label_ids",0],"msg":"value is not a valid integer"}]}`, "body.name: field required; body.label_ids.0: value is not a valid integer"},
		"a problem of no place": {`{"detail":[{"msg":"odd"}]}`, "odd"},
		"a proxy's JSON":        {`{"message":"no route matched"}`, "no route matched"},
		"an error in JSON":      {`{"error":"upstream timed out"}`, "upstream timed out"},
		"other JSON":            {`{"detail":{"a":1}}`, `{"detail":{"a":1}}`},
		"no JSON":               {"Internal Server Error\n", "Internal Server Error"},
		"several lines":         {"<html>\r\n <b>502</b>\x00\x1b[31m\n</html>", `<html> <b>502</b>\x00\x1b[31m </html>`},
		"no text at all":        {"\xff\xfe", "\uFFFD"},
		"nothing":               {"", ""},
		"500 bytes":             {strings.Repeat("x", 500), strings.Repeat("x", 500)},
		"one too many":          {strings.Repeat("x", 501), strings.Repeat("x", 497) + "…"},
		"cut in a character":    {strings.Repeat("x", 496) + "€€", strings.Repeat("x", 496) + "…"},
		"a long list":           {`{"detail":[` + strings.Repeat(`{"loc":["a"],"msg":"bcdefghijk"},`, 99) + `{"msg":"end"}]}`, strings.Repeat("a: bcdefghijk; ", 34)[:497] + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := detail([]byte(test.body))
			testcheck.Equal(t, "detail", test.want, got)
			testcheck.AtMost(t, "bytes", maxDetail, len(got))
		})
	}
}

func FuzzDetail(f *testing.F) {
	f.Add([]byte(`{"detail":[{"loc":["body",0],"msg":"m"}]}`))
	f.Add([]byte("\xe2\x82"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := detail(body)
		if len(got) > maxDetail || strings.ToValidUTF8(got, "") != got || strings.ContainsAny(got, "\n\r\x00\x1b") {
			t.Errorf("%q", got)
		}
	})
}

// at is a request for a path of the kind.
func at(kind pathKind) Request {
	if kind == item {
		return Request{Method: http.MethodGet, Path: "/x/{id}", ID: "1"}
	}
	return Request{Method: http.MethodGet, Path: "/x/"}
}
