package event

import "time"

// Delivery is a message that the consumer delivered. Exactly one of Ack, Retry and Drop ends it; without any, it is redelivered
// after the acknowledgement wait of the consumer.
type Delivery struct {
	Event
	// Err is why the event could not be decoded; Key and Sequence are set all the same.
	Err error
	// Attempt counts deliveries of this message, from 1.
	Attempt int
	// First is whether the message was published as the first one of its component.
	First bool

	// Ack acknowledges the message: its outcome is stored. Where the acknowledgement is lost, the message is redelivered.
	Ack func() error
	// Retry has the message redelivered after the delay.
	Retry func(delay time.Duration) error
	// Drop ends a message that can never succeed, with the reason; its outcome is stored.
	Drop func(reason string) error
	// Progress restarts the acknowledgement wait.
	Progress func() error
}
