package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nuid"

	"odasync/internal/component"
	"odasync/internal/event"
)

// errRemoved says that the server remembers the id of a message which was removed from the stream since.
var errRemoved = errors.New("the same message was published and removed a moment ago")

// renamed gives the message an id that the server cannot know.
func renamed(m event.Message) event.Message {
	again := []string{m.MessageID() + "/" + nuid.Next()}
	m.Header[event.HeaderMessageID], m.Header[event.HeaderID] = again, again
	return m
}

// repeated finds out whether a message that the server has taken before is still there: it may have been purged.
func (l *Log) repeated(ctx context.Context, key component.Key, id string) (uint64, error) {
	m, found, err := l.conn.Last(ctx, StreamName, event.Subject(key))
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, fmt.Errorf("publish %s: %w", key, errRemoved)
	case m.MessageID() == id:
		return m.Sequence, nil
	}
	head, _ := l.head(m.Message, m.Sequence)
	return 0, &SupersededError{Head: head}
}
