package refregistry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// refusal is an error that the client is told: a status and FastAPI's detail,
// which is a sentence or a list of problems.
type refusal struct {
	status int
	detail any
}

func (e *refusal) Error() string { return fmt.Sprintf("%d: %v", e.status, e.detail) }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, detail: fmt.Sprintf(format, args...)}
}

// problem is one entry of a 422's detail, in the shape and words of the
// validation library behind v1.
type problem struct {
	Loc  []any          `json:"loc"`
	Msg  string         `json:"msg"`
	Type string         `json:"type"`
	Ctx  map[string]any `json:"ctx,omitempty"`
}

type detail struct {
	Detail any `json:"detail"`
}

// answer writes what an operation returned. Errors that are not refusals come
// from the store; they are logged and shown as v1 shows its own.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, body any, err error) {
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		writeJSON(w, refused.status, detail{refused.detail})
	case err != nil:
		s.cfg.Log.Error().Err(err).Str("method", r.Method).Str("path", r.URL.Path).Msg("registry request failed")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("Internal Server Error")) // a client that has gone needs no answer
	case status == http.StatusNoContent:
		w.WriteHeader(status)
	default:
		writeJSON(w, status, body)
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		// Only the package's own plain structs are encoded.
		panic(fmt.Sprintf("encode answer: %v", err))
	}
	buf.Truncate(buf.Len() - 1) // the encoder's newline, which v1 does not send
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a client that has gone needs no answer
}
