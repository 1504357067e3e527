package stream_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/stream"
	"odasync/internal/stream/streamtest"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	s := streamtest.Start(t)
	leader, asker := s.Conn(t), s.Conn(t)
	waitConnected(t, leader)
	waitConnected(t, asker)
	request := stream.VerifyRequest{Namespace: "components", Name: "a.b"}
	ask := func(cluster string) (stream.VerifyAnswer, error) { return asker.Verify(within(t), cluster, request) }
	if _, err := ask("edge.1"); !errors.Is(err, stream.ErrNoWatcher) {
		t.Errorf("without a watcher: %v, want ErrNoWatcher", err)
	}

	var asked stream.VerifyRequest
	var refusal error
	stop, err := leader.ServeVerify(t.Context(), "edge.1", func(_ context.Context, namespace, name string) (int, error) {
		asked = stream.VerifyRequest{Namespace: namespace, Name: name}
		return 17, refusal
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer stream.VerifyAnswer
	eventually(t, "the watcher is found", func() bool { // the server may still learn of it
		answer, err = ask("edge.1")
		return !errors.Is(err, stream.ErrNoWatcher)
	})
	if diff := cmp.Diff(stream.VerifyAnswer{Published: 17}, answer); diff != "" || err != nil {
		t.Errorf("%v, answer (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(request, asked); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	refusal = errors.New("not up to date")
	answer, err = ask("edge.1")
	if diff := cmp.Diff(stream.VerifyAnswer{Published: 17, Error: "not up to date"}, answer); diff != "" || err != nil {
		t.Errorf("%v, refusal (-want +got):\n%s", err, diff)
	}
	if _, err := ask("edge.2"); !errors.Is(err, stream.ErrNoWatcher) {
		t.Errorf("another cluster: %v, want ErrNoWatcher", err)
	}
	stop()
	eventually(t, "nobody answers after the stop", func() bool {
		_, err := ask("edge.1")
		return errors.Is(err, stream.ErrNoWatcher)
	})
}
