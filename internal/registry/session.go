package registry

import (
	"context"
	"net/http"

	"odasync/internal/target"
)

// session is one apply's or delete's way to the registry. It counts its requests, and of these what changed something.
type session struct {
	client           *client
	requests, writes int
}

func (s *session) do(ctx context.Context, r request, out any) error {
	s.requests++
	err := s.client.do(ctx, r, out)
	if err == nil && r.method != http.MethodGet {
		s.writes++
	}
	return err
}

// result is what the session did, and the record that it leaves.
func (s *session) result(record target.Ref) target.Result {
	return target.Result{Ref: record, Requests: s.requests, Writes: s.writes}
}
