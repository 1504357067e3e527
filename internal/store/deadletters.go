package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// DeadLetters are the dead letters of a target: the newest one of each component.
type DeadLetters struct {
	conn   *natsconn.Conn
	stream jetstream.Stream
	target string
}

// DeadLetter is the JSON of a dead letter, as docs/api.md describes it. Target and key are those of its subject.
type DeadLetter struct {
	Target    string       `json:"target"`
	Cluster   string       `json:"cluster"`
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	Sequence  uint64       `json:"sequence"`
	Reason    target.Class `json:"reason"`
	Request   string       `json:"request"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	Attempts  int          `json:"attempts"`
	First     time.Time    `json:"first"`
	Last      time.Time    `json:"last"`
	Event     DeadEvent    `json:"event"`
}

// Key returns the key of the component.
func (d *DeadLetter) Key() component.Key {
	return component.Key{Cluster: d.Cluster, Namespace: d.Namespace, Name: d.Name}
}

// DeadEvent is the event that could not be applied.
type DeadEvent struct {
	// Deleted is whether the deletion failed.
	Deleted         bool      `json:"deleted"`
	Time            time.Time `json:"time,omitzero"`
	Hash            string    `json:"hash,omitempty"`
	UID             string    `json:"uid,omitempty"`
	ResourceVersion string    `json:"resourceVersion,omitempty"`
	// Component is omitted where the dead letter would exceed the server's max_payload with it.
	Component *component.Component `json:"component,omitempty"`
}

// deadLetterPurpose is the purpose of the stream of dead letters.
const deadLetterPurpose = "dead letters"

// EnsureDeadLetters returns the dead letters of a target and creates their stream where it is missing. The syncer does.
func EnsureDeadLetters(ctx context.Context, conn *natsconn.Conn, target string) (*DeadLetters, error) {
	s, err := conn.EnsureStream(ctx, jetstream.StreamConfig{
		Name:              DeadLetterStream,
		Description:       "Components that a registry does not take, the newest failure of each",
		Subjects:          []string{event.DeadPrefix + ".>"},
		MaxMsgsPerSubject: 1,
		MaxBytes:          -1,
		AllowDirect:       true,
		Duplicates:        2 * time.Minute,
	}, deadLetterPurpose)
	if err != nil {
		return nil, err
	}
	return &DeadLetters{conn: conn, stream: s, target: target}, nil
}

// OpenDeadLetters is [EnsureDeadLetters] on the stream that a syncer created.
func OpenDeadLetters(ctx context.Context, conn *natsconn.Conn, target string) (*DeadLetters, error) {
	s, err := conn.OpenStream(ctx, DeadLetterStream, deadLetterPurpose, "a syncer")
	if err != nil {
		return nil, err
	}
	return &DeadLetters{conn: conn, stream: s, target: target}, nil
}

// Put stores a dead letter in place of the earlier one of its component. Where that is of a newer event it returns
// [target.ErrConflict]: another replica was faster.
func (l *DeadLetters) Put(ctx context.Context, letter target.DeadLetter) error {
	fail := func(err error) error { return fmt.Errorf("write the dead letter of %s: %w", letter.Event.Key, err) }
	newer, sequence, err := l.last(ctx, letter.Event.Key, letter.Event.Sequence)
	switch {
	case err != nil:
		return fail(err)
	case newer:
		return fail(target.ErrConflict)
	}
	stored := encode(letter)
	data, err := json.Marshal(stored)
	if err != nil {
		return fail(err)
	}
	if limit := l.conn.NATS().MaxPayload(); limit > 0 && int64(len(data))+1024 > limit { // headers count too
		stored.Event.Component = nil
		if data, err = json.Marshal(stored); err != nil {
			return fail(err)
		}
	}
	err = l.publish(ctx, letter, data, sequence)
	if natsconn.HasCode(err, jetstream.JSErrCodeStreamMessageExceedsMaximum) && stored.Event.Component != nil { // an administrator's limit
		stored.Event.Component = nil
		if data, err = json.Marshal(stored); err == nil {
			err = l.publish(ctx, letter, data, sequence)
		}
	}
	if isConflict(err) {
		err = target.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

func (l *DeadLetters) publish(ctx context.Context, letter target.DeadLetter, data []byte, replaces uint64) error {
	msg := &nats.Msg{Subject: event.DeadSubject(letter.Target, letter.Event.Key), Data: data}
	_, err := compareAndSet(ctx, func() (*jetstream.PubAck, error) {
		return l.conn.JetStream().PublishMsg(ctx, msg, jetstream.WithExpectStream(DeadLetterStream), jetstream.WithExpectLastSequencePerSubject(replaces))
	})
	return err
}

// last reads the sequence of the dead letter of a component, 0 where there is none, and whether it is of a newer event than the
// given one. It is not where the dead letter cannot be decoded or the stream does not have its event: the stream was restored
// to an older state, or is another one.
func (l *DeadLetters) last(ctx context.Context, key component.Key, than uint64) (newer bool, sequence uint64, err error) {
	m, found, err := l.conn.Last(ctx, DeadLetterStream, event.DeadSubject(l.target, key))
	var d DeadLetter
	if err != nil || !found || json.Unmarshal(m.Data, &d) != nil || d.Sequence <= than {
		return false, m.Sequence, err
	}
	of, newer, err := l.conn.At(ctx, stream.StreamName, d.Sequence)
	return newer && of.Subject == event.Subject(key), m.Sequence, err
}

// Remove removes the dead letter of a component where it is of an event up to the given one; none is success. A dead letter that
// is stored meanwhile stays.
func (l *DeadLetters) Remove(ctx context.Context, key component.Key, upTo uint64) error {
	newer, sequence, err := l.last(ctx, key, upTo)
	if err == nil && sequence > 0 && !newer {
		err = l.stream.Purge(ctx, jetstream.WithPurgeSubject(event.DeadSubject(l.target, key)), jetstream.WithPurgeSequence(sequence+1))
	}
	if err != nil {
		return fmt.Errorf("remove the dead letter of %s: %w", key, err)
	}
	return nil
}

// All calls each with every dead letter of the target, or with the error where one cannot be decoded.
func (l *DeadLetters) All(ctx context.Context, each func(DeadLetter, error)) error {
	return l.conn.Scan(ctx, l.stream, event.DeadPrefix+"."+event.Token(l.target)+".>", false, func(m event.Message, sequence uint64) {
		var d DeadLetter
		err := json.Unmarshal(m.Data, &d)
		if err == nil && d.Name == "" {
			err = errors.New("it names no component")
		}
		if err != nil {
			err = fmt.Errorf("dead letter %d of %s: %w", sequence, m.Subject, err)
		}
		each(d, err)
	})
}

// Count returns the number of dead letters of the target.
func (l *DeadLetters) Count(ctx context.Context) (int, error) {
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(event.DeadPrefix+"."+event.Token(l.target)+".>"))
	if err != nil {
		return 0, fmt.Errorf("count the dead letters of target %q: %w", l.target, err)
	}
	return len(info.State.Subjects), nil // one message a component
}

func encode(l target.DeadLetter) DeadLetter {
	e := l.Event
	return DeadLetter{
		Target: l.Target, Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Name: e.Key.Name, Sequence: e.Sequence,
		Reason: l.Reason, Request: l.Request, Status: l.Status, Detail: l.Detail, Attempts: l.Attempts,
		First: l.First.UTC(), Last: l.Last.UTC(),
		Event: DeadEvent{
			Deleted: e.Deleted() && l.Reason != target.ClassMalformed, Time: e.Time.UTC(), Hash: e.Hash, UID: e.UID,
			ResourceVersion: e.ResourceVersion, Component: e.Component,
		},
	}
}
