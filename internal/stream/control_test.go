package stream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/event"
	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
)

// leading is a leader that verifies as it is told.
type leading func(namespace, name string) (int, error)

func (l leading) Verify(_ context.Context, namespace, name string) (int, error) {
	return l(namespace, name)
}

func (l leading) FullSync(context.Context) (event.Marker, error) {
	return event.Marker{ID: "full"}, nil
}

func TestVerify(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	leader, asker := s.Conn(t), s.Conn(t)
	waitConnected(t, leader)
	waitConnected(t, asker)
	request := stream.VerifyRequest{Namespace: "components", Name: "a.b"}
	ask := func(cluster string) (stream.VerifyAnswer, error) { return asker.Verify(within(t), cluster, request) }
	if _, err := ask("edge.1"); !errors.Is(err, stream.ErrNobody) {
		t.Errorf("without a watcher: %v, want ErrNobody", err)
	}

	var asked stream.VerifyRequest
	var refusal error
	stop, err := leader.ServeLeader(t.Context(), "edge.1", leading(func(namespace, name string) (int, error) {
		asked = stream.VerifyRequest{Namespace: namespace, Name: name}
		return 17, refusal
	}))
	if err != nil {
		t.Fatal(err)
	}
	var answer stream.VerifyAnswer
	eventually(t, "the watcher is found", func() bool { // the server may still learn of it
		answer, err = ask("edge.1")
		return !errors.Is(err, stream.ErrNobody)
	})
	if diff := cmp.Diff(stream.VerifyAnswer{Published: 17}, answer); diff != "" || err != nil {
		t.Errorf("%v, answer (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(request, asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	refusal = errors.New("not up to date")
	answer, err = ask("edge.1")
	if refused := new(stream.RefusedError); !errors.As(err, &refused) || refused.Reason != "not up to date" {
		t.Errorf("refusal: %+v, %v", answer, err)
	}
	marker, err := asker.FullSync(within(t), "edge.1")
	if err != nil || marker.ID != "full" {
		t.Errorf("full sync: %+v, %v", marker, err)
	}
	if _, err := ask("edge.2"); !errors.Is(err, stream.ErrNobody) {
		t.Errorf("another cluster: %v, want ErrNobody", err)
	}
	stop()
	eventually(t, "nobody answers after the stop", func() bool {
		_, err := ask("edge.1")
		return errors.Is(err, stream.ErrNobody)
	})
}
