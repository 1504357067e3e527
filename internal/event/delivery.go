package event

import "time"

// Delivery is one message handed out by the stream's consumer. Exactly one of Ack, Retry and Drop ends it; left
// alone, it comes again when the consumer's acknowledgement wait is over.
type Delivery struct {
	Event
	// Key and Sequence are set even where Err says that the rest could not be decoded.
	Err error
	// Attempt counts deliveries of this message, from 1.
	Attempt int
	// First says that the message was published as the first one of its key.
	First bool

	// Ack says that the outcome is stored. A lost acknowledgement only brings the message again.
	Ack func() error
	// Retry hands the message back, to come again after the delay.
	Retry func(delay time.Duration) error
	// Drop says that the message will never succeed and why; the caller has stored the outcome.
	Drop func(reason string) error
	// Progress restarts the acknowledgement wait.
	Progress func() error
}
