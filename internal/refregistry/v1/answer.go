package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// failure is an answer other than success: a status, and FastAPI's detail,
// which is a sentence or a list of problems.
type failure struct {
	status int
	detail any
}

func fail(status int, format string, args ...any) *failure {
	return &failure{status: status, detail: fmt.Sprintf(format, args...)}
}

func (f *failure) answer(w http.ResponseWriter) { writeJSON(w, f.status, detail{f.detail}) }

type detail struct {
	Detail any `json:"detail"`
}

// Refuse answers with an error in the contract's format.
func (s *Service) Refuse(w http.ResponseWriter, status int, detail string) {
	fail(status, "%s", detail).answer(w)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(fmt.Sprintf("encode answer: %v", err)) // only the package's own plain structs are encoded
	}
	buf.Truncate(buf.Len() - 1) // the encoder's newline, which v1 does not send
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a client that has gone needs no answer
}
