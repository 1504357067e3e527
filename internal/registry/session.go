package registry

import (
	"context"
	"net/http"
)

// session is one apply's or delete's way to the registry. It counts what it changed.
type session struct {
	client *client
	writes int
}

func (s *session) do(ctx context.Context, r request, out any) error {
	err := s.client.do(ctx, r, out)
	if err == nil && r.method != http.MethodGet {
		s.writes++
	}
	return err
}
