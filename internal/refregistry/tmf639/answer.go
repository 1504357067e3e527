package tmf639

import (
	"fmt"
	"net/http"
	"strconv"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// failure is an answer other than success: a status and FastAPI's detail. Without
// a detail it is an exception that nothing in the service caught.
type failure struct {
	status int
	detail any
}

func fail(status int, format string, args ...any) *failure {
	return &failure{status, fmt.Sprintf(format, args...)}
}

func uncaught() *failure { return &failure{status: http.StatusInternalServerError} }

func notFound(kind, id string) *failure {
	return fail(http.StatusNotFound, "%s with id %s not found", kind, id)
}

func (f *failure) answer(w http.ResponseWriter) {
	if f.detail == nil {
		send(w, f.status, "text/plain; charset=utf-8", []byte(http.StatusText(f.status)))
		return
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	sendJSON(w, f.status, pyjson.Append(nil, pyjson.Object{}.With("detail", f.detail)))
}

// Refuse answers with an error in the contract's format.
func (s *Service) Refuse(w http.ResponseWriter, status int, detail string) {
	fail(status, "%s", detail).answer(w)
}

func sendJSON(w http.ResponseWriter, status int, body []byte) {
	send(w, status, "application/json", body)
}

func send(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}
