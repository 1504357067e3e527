package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/component"
	"odasync/internal/event"
)

// Log is the stream of component events.
type Log struct {
	conn   *Conn
	stream jetstream.Stream
}

// ErrTooLarge says that an event does not fit the server's max_payload. Another version of the component may.
var ErrTooLarge = errors.New("larger than the nats server's max_payload: raise it on the server or shrink the component")

// ErrLogMissing says that the stream no longer exists.
var ErrLogMissing = fmt.Errorf("stream %s does not exist any more", StreamName)

// SupersededError says that a publish was refused because the subject has a newer message than expected.
type SupersededError struct{ Head event.Head }

func (e *SupersededError) Error() string {
	return fmt.Sprintf("superseded by message %d of %s", e.Head.Sequence, e.Head.Key)
}

// Publish appends the event if the subject's last sequence is still expected (0: no message yet) and returns its
// sequence. It returns *SupersededError, ErrTooLarge, ErrLogMissing, or a passing error. Repeating a publish whose
// answer was lost returns the sequence of the message that is there.
func (l *Log) Publish(ctx context.Context, e event.Event, expected uint64) (uint64, error) {
	m := event.Encode(e, expected)
	msg := &nats.Msg{Subject: m.Subject, Header: nats.Header(m.Header), Data: m.Data}
	ack, err := l.conn.js.PublishMsg(ctx, msg,
		jetstream.WithExpectLastSequencePerSubject(expected), jetstream.WithExpectStream(StreamName))
	switch {
	case err == nil:
		return ack.Sequence, nil
	case errors.Is(err, nats.ErrMaxPayload), isCode(err, jetstream.JSErrCodeStreamMessageExceedsMaximum):
		return 0, fmt.Errorf("publish %s (%d bytes): %w", e.Key, len(m.Data), ErrTooLarge)
	case isCode(err, jetstream.JSErrCodeStreamWrongLastSequence), isCode(err, jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return l.settle(ctx, e.Key, m, err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		if _, infoErr := l.conn.js.Stream(ctx, StreamName); errors.Is(infoErr, jetstream.ErrStreamNotFound) {
			return 0, ErrLogMissing
		}
	}
	return 0, fmt.Errorf("publish %s: %w", e.Key, err)
}

// settle finds out after a refused publish whether the message that stands there is our own.
func (l *Log) settle(ctx context.Context, key component.Key, m event.Message, refusal error) (uint64, error) {
	head, found, err := l.Head(ctx, key)
	switch {
	case err != nil:
		return 0, err
	case !found:
		// The expected message was purged: the subject is empty again.
		return 0, &SupersededError{Head: event.Head{Key: key, Deleted: true}}
	case head.ID == m.MessageID():
		return head.Sequence, nil
	case head.Sequence == 0:
		return 0, refusal
	}
	return 0, &SupersededError{Head: head}
}

// Head reads the last message of the key's subject from the stream's leader, without its body.
func (l *Log) Head(ctx context.Context, key component.Key) (event.Head, bool, error) {
	m, sequence, found, err := l.last(ctx, event.Subject(key))
	if err != nil || !found {
		return event.Head{}, false, err
	}
	head, err := event.DecodeHead(m, sequence)
	return head, err == nil, err
}

// Newest reads the last message of the key's subject from the stream's leader.
func (l *Log) Newest(ctx context.Context, key component.Key) (event.Event, bool, error) {
	m, sequence, found, err := l.last(ctx, event.Subject(key))
	if err != nil || !found {
		return event.Event{}, false, err
	}
	e, err := event.Decode(m, sequence)
	return e, err == nil, err
}

// last asks the leader: the client library would use direct get, which a lagging replica may answer.
func (l *Log) last(ctx context.Context, subject string) (event.Message, uint64, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return event.Message{}, 0, false, fmt.Errorf("read %s: %w", subject, err)
	}
	answer, err := l.conn.nc.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+StreamName, request)
	if err != nil {
		return event.Message{}, 0, false, fmt.Errorf("read %s: %w", subject, err)
	}
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject  string `json:"subject"`
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"`
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &response); err != nil {
		return event.Message{}, 0, false, fmt.Errorf("read %s: %w", subject, err)
	}
	switch {
	case response.Error != nil && response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return event.Message{}, 0, false, nil
	case response.Error != nil:
		return event.Message{}, 0, false, fmt.Errorf("read %s: %w", subject, response.Error)
	case response.Message == nil:
		return event.Message{}, 0, false, fmt.Errorf("read %s: the answer holds no message", subject)
	}
	m := event.Message{Subject: response.Message.Subject, Data: response.Message.Data}
	if len(response.Message.Header) > 0 {
		header, err := nats.DecodeHeadersMsg(response.Message.Header)
		if err != nil {
			return event.Message{}, 0, false, fmt.Errorf("read %s: headers: %w", subject, err)
		}
		m.Header = header
	}
	return m, response.Message.Sequence, true, nil
}

// Heads calls each with the last message of every component of the cluster, without bodies, oldest first. A key may
// come again with a newer message that was published meanwhile.
func (l *Log) Heads(ctx context.Context, cluster string, each func(event.Head)) error {
	fail := func(err error) error { return fmt.Errorf("read the heads of cluster %s: %w", cluster, err) }
	consumer, err := l.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{event.ClusterSubjects(cluster)},
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		HeadersOnly:    true,
	})
	if err != nil {
		return fail(err)
	}
	if consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fail(err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fail(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fail(err)
		}
		head, err := event.DecodeHead(event.Message{Subject: msg.Subject(), Header: msg.Headers()}, meta.Sequence.Stream)
		if err != nil {
			return fail(err)
		}
		each(head)
		if meta.NumPending == 0 {
			return nil
		}
	}
}

func isCode(err error, code jetstream.ErrorCode) bool {
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && apiErr.ErrorCode == code
}
