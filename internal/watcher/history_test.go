package watcher

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/stream"
)

// gone stands for a tombstone in the lists that history and heads return.
const gone = "(deleted)"

// message is a message of the log in short.
type message struct{ Name, Content string }

func short(e event.Event) message {
	if e.Deleted() {
		return message{e.Key.Name, gone}
	}
	return message{e.Key.Name, e.Component.Metadata.Description}
}

// history reads every message of the cluster, oldest first.
func (b *bench) history(t testing.TB) []message {
	t.Helper()
	var all []message
	for _, e := range b.events(t) {
		all = append(all, short(e))
	}
	return all
}

func (b *bench) events(t testing.TB) []event.Event {
	t.Helper()
	js, err := jetstream.New(b.server.NATS(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), stream.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []event.Event
	for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
		m, err := s.GetMsg(t.Context(), sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.Subject, event.SnapshotPrefix+".") {
			continue
		}
		e, err := event.Decode(event.Message{Subject: m.Subject, Header: m.Header, Data: m.Data}, sequence)
		if err != nil {
			t.Fatal(err)
		}
		if e.Key.Cluster == b.watcher.cluster {
			all = append(all, e)
		}
	}
	return all
}

// of returns the contents that a component had, oldest first.
func of(name string, messages []message) []string {
	var contents []string
	for _, m := range messages {
		if m.Name == name {
			contents = append(contents, m.Content)
		}
	}
	return contents
}

// heads reads the newest content of every component, by name.
func (b *bench) heads(t testing.TB) map[string]string {
	t.Helper()
	newest := make(map[string]string)
	err := b.log.NewestOfEach(context.Background(), event.ClusterSubjects(b.watcher.cluster), func(e event.Event, err error) {
		if err != nil {
			t.Fatal(err)
		}
		newest[e.Key.Name] = short(e).Content
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest
}
