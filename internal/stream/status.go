package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"odasync/internal/event"
	"odasync/internal/prune"
)

// ProcessStatus is what a running process says of itself. This and what embeds it is JSON for ctl: fields are added, never
// changed.
type ProcessStatus struct {
	// ID names the process; no other ever has the same.
	ID      string    `json:"id"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Ready   bool      `json:"ready"`
	// Problems are what keeps it from being ready, in words.
	Problems []string `json:"problems"`
}

// WatcherStatus is what a watcher says.
type WatcherStatus struct {
	ProcessStatus
	Cluster string `json:"cluster"`
	Leader  bool   `json:"leader"`
	// PendingDeletion is what the leader does not delete until it is approved; null for none.
	PendingDeletion *prune.PendingDeletion `json:"pendingDeletion"`
}

// SyncerStatus is what a syncer says.
type SyncerStatus struct {
	ProcessStatus
	Target   string `json:"target"`
	Registry string `json:"registry"` // address, without credentials
	// Breaker is closed, open or half_open; empty while the syncer waits for the stream.
	Breaker       string    `json:"breaker"`
	BreakerSince  time.Time `json:"breakerSince"`
	BreakerReason string    `json:"breakerReason"` // why it opened last
	// InFlight components are being applied, of at most Limit now and Concurrency ever.
	InFlight    int `json:"inFlight"`
	Limit       int `json:"limit"`
	Concurrency int `json:"concurrency"`
}

// The kinds of process that can be asked.
const (
	ProcessWatcher = "watcher"
	ProcessSyncer  = "syncer"
)

// statusWait is how long a process may take to say how it is, and statusQuiet how long after an answer the next one may
// come.
const (
	statusWait  = 5 * time.Second
	statusQuiet = 400 * time.Millisecond
)

// ServeStatus answers whoever asks how this process is, until stop is called.
func (c *Conn) ServeStatus(process string, status func(context.Context) any) (stop func(), err error) {
	fail := func(err error) error { return fmt.Errorf("offer the status of the %s: %w", process, err) }
	service, err := micro.AddService(c.nc, micro.Config{
		Name: "odasync-" + process, Version: controlVersion, Description: "Says how a " + process + " is",
		QueueGroupDisabled: true, // every process answers
	})
	if err != nil {
		return nil, fail(err)
	}
	stop = func() { _ = service.Stop() } // the connection ends it too
	answer := micro.HandlerFunc(func(r micro.Request) {
		ctx, cancel := context.WithTimeout(context.Background(), statusWait)
		defer cancel()
		_ = r.RespondJSON(status(ctx)) // who asked will miss it
	})
	if err := service.AddEndpoint("status", answer, micro.WithEndpointSubject(event.StatusSubject(process))); err != nil {
		stop()
		return nil, fail(err)
	}
	return stop, nil
}

// Watchers asks every watcher that lives.
func (c *Conn) Watchers(ctx context.Context) ([]WatcherStatus, error) {
	return statuses[WatcherStatus](ctx, c, ProcessWatcher)
}

// Syncers asks every syncer that lives.
func (c *Conn) Syncers(ctx context.Context) ([]SyncerStatus, error) {
	return statuses[SyncerStatus](ctx, c, ProcessSyncer)
}

// statuses collects answers. The first may take a while, the others come soon after it.
func statuses[T any](ctx context.Context, c *Conn, process string) ([]T, error) {
	fail := func(err error) error { return fmt.Errorf("ask the %ss: %w", process, err) }
	answers, err := c.nc.SubscribeSync(c.nc.NewRespInbox())
	if err != nil {
		return nil, fail(err)
	}
	defer func() { _ = answers.Unsubscribe() }() // nothing is owed to late answers
	if err := c.nc.PublishRequest(event.StatusSubject(process), answers.Subject, nil); err != nil {
		return nil, fail(err)
	}
	all := []T{}
	for wait := statusWait; ; wait = statusQuiet {
		msg, err := nextAnswer(ctx, answers, wait)
		switch {
		case errors.Is(err, nats.ErrNoResponders), errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return all, nil
		case err != nil:
			return nil, fail(err)
		}
		var status T
		if err := json.Unmarshal(msg.Data, &status); err != nil {
			return nil, fail(err)
		}
		all = append(all, status)
	}
}

func nextAnswer(ctx context.Context, answers *nats.Subscription, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return answers.NextMsgWithContext(ctx)
}
