package registry

import (
	"context"
	"net/http"

	"odasync/internal/target"
)

// session is one apply's or delete's way to the registry. It counts its requests, and of these what changed something.
type Session struct {
	Client           *Client
	requests, writes int
}

func (s *Session) Do(ctx context.Context, r Request, out any) error {
	s.requests++
	err := s.Client.Do(ctx, r, out)
	if err == nil && r.Method != http.MethodGet {
		s.writes++
	}
	return err
}

// result is what the session did, and the record that it leaves.
func (s *Session) Result(record target.Ref) target.Result {
	return target.Result{Ref: record, Requests: s.requests, Writes: s.writes}
}

// uncount leaves out what is written until the returned function is called: it is for every component alike.
func (s *Session) Uncount() func() {
	own := s.writes
	return func() { s.writes = own }
}
