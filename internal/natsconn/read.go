package natsconn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
)

// Message is a message of a stream.
type Message struct {
	event.Message
	Sequence uint64
	Time     time.Time // when the server stored it
}

// query selects a message: the one of a sequence, the first of a subject from a sequence on, or the last of a subject.
type query struct {
	Sequence uint64 `json:"seq,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
}

// Last reads the last message of a subject from the stream's leader; false where there is none.
func (c *Conn) Last(ctx context.Context, stream, subject string) (Message, bool, error) {
	return c.get(ctx, stream, subject, query{Last: subject})
}

// At reads the message of a sequence from the stream's leader; false where there is none.
func (c *Conn) At(ctx context.Context, stream string, sequence uint64) (Message, bool, error) {
	return c.get(ctx, stream, fmt.Sprintf("message %d of stream %s", sequence, stream), query{Sequence: sequence})
}

// From reads the first message of a subject from a sequence on, from the stream's leader; false where there is none. The subject
// may have wildcards, what is the name for errors.
func (c *Conn) From(ctx context.Context, stream, subject string, sequence uint64, what string) (Message, bool, error) {
	return c.get(ctx, stream, what, query{Sequence: sequence, Next: subject})
}

// StreamMissingError is returned where a stream does not exist any more. It is the stream's name.
type StreamMissingError string

// Error names the stream.
func (e StreamMissingError) Error() string { return "stream " + string(e) + " does not exist any more" }

// get asks the leader for one message: the client library would use direct get, which a lagging replica may answer.
// what is the name for errors.
func (c *Conn) get(ctx context.Context, stream, what string, q query) (Message, bool, error) {
	fail := func(err error) (Message, bool, error) { return Message{}, false, fmt.Errorf("read %s: %w", what, err) }
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	request, err := json.Marshal(q)
	if err != nil {
		return fail(err)
	}
	answer, err := c.nc.RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.MSG.GET."+stream, request)
	if err != nil {
		return fail(err)
	}
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &response); err != nil {
		return fail(err)
	}
	switch {
	case response.Error != nil && response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return Message{}, false, nil
	case response.Error != nil && response.Error.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return fail(StreamMissingError(stream))
	case response.Error != nil:
		return fail(response.Error)
	case response.Message == nil:
		return fail(errors.New("the answer holds no message"))
	}
	m := Message{
		Message:  event.Message{Subject: response.Message.Subject, Data: response.Message.Data},
		Sequence: response.Message.Sequence, Time: response.Message.Time,
	}
	if len(response.Message.Header) > 0 {
		header, err := nats.DecodeHeadersMsg(response.Message.Header)
		if err != nil {
			return fail(fmt.Errorf("headers: %w", err))
		}
		m.Header = header
	}
	return m, true, nil
}

// Scan calls each with the last message of every subject that the filter matches, oldest first, without bodies where only
// headers are needed.
func (c *Conn) Scan(ctx context.Context, s jetstream.Stream, filter string, headersOnly bool, each func(m event.Message, sequence uint64)) error {
	return c.Read(ctx, s, filter, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, HeadersOnly: headersOnly,
	}, each)
}

// Read calls each with the messages that the filter matches, up to the last one. The consumer may be placed on a lagging
// replica, so the leader is asked for the last message first, and Read does not end before that one or a newer one has come.
// It does not wait for ever: the caller starts over after any error.
func (c *Conn) Read(ctx context.Context, s jetstream.Stream, filter string, what jetstream.OrderedConsumerConfig, each func(m event.Message, sequence uint64)) error {
	name := s.CachedInfo().Config.Name
	newest, found, err := c.Last(ctx, name, filter)
	if err != nil || !found || what.OptStartTime != nil && newest.Time.Before(*what.OptStartTime) {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("read %s: %w", filter, err) }
	messages, err := c.Messages(ctx, s, filter, what)
	if err != nil {
		return fail(err)
	}
	defer messages.Stop()
	for seen := uint64(0); ; {
		msg, err := c.Next(ctx, messages)
		if err != nil {
			if now, _, lastErr := c.Last(ctx, name, filter); lastErr == nil && now.Sequence <= seen {
				return nil // the awaited message has been purged meanwhile
			}
			return fail(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fail(err)
		}
		each(event.Message{Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data()}, meta.Sequence.Stream)
		if seen = max(seen, meta.Sequence.Stream); meta.NumPending > 0 {
			continue
		}
		if seen >= newest.Sequence {
			return nil
		}
		if newest, _, err = c.Last(ctx, name, filter); err != nil || newest.Sequence <= seen {
			return err
		}
	}
}

// Messages opens an ordered consumer of the messages that the filter matches.
func (c *Conn) Messages(ctx context.Context, s jetstream.Stream, filter string, what jetstream.OrderedConsumerConfig) (jetstream.MessagesContext, error) {
	what.FilterSubjects = []string{filter}
	what.InactiveThreshold = 6 * c.Timing.Idle
	what.MaxResetAttempts = 2 // the client's own retries take no context
	consumer, err := s.OrderedConsumer(ctx, what)
	if err != nil {
		return nil, err
	}
	return consumer.Messages()
}

// ErrQuiet is returned where no message comes for [Timing.Idle].
var ErrQuiet = errors.New("no message came")

// Next returns the next message of [Conn.Messages], or [ErrQuiet].
func (c *Conn) Next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, c.Timing.Idle)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(wait))
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w for %s", ErrQuiet, c.Timing.Idle)
	}
	return msg, err
}
