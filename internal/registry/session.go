package registry

import (
	"context"
	"net/http"

	"odasync/internal/target"
)

// Session sends the requests of one apply or delete and counts them. It is not safe for concurrent use.
type Session struct {
	client *Client
	// requests counts all requests, writes those that changed the component's own content.
	requests, writes int
}

// NewSession begins to count.
func (c *Client) NewSession() *Session { return &Session{client: c} }

// Do is [Client.Do].
func (s *Session) Do(ctx context.Context, r Request, out any) error {
	err := s.DoShared(ctx, r, out)
	if err == nil && r.Method != http.MethodGet {
		s.writes++
	}
	return err
}

// DoShared is Do for content that all components share: a write does not count as a write of the component.
func (s *Session) DoShared(ctx context.Context, r Request, out any) error {
	s.requests++
	return s.client.Do(ctx, r, out)
}

// Result reports the requests so far, with the reference that the apply or delete leaves.
func (s *Session) Result(ref target.Ref) target.Result {
	return target.Result{Ref: ref, Requests: s.requests, Writes: s.writes}
}
