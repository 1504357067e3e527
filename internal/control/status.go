package control

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

// ProcessStatus is what every process reports. It and the types that embed it are JSON for ctl: fields are added, never
// changed.
type ProcessStatus struct {
	// ID is the name of the process and is never reused.
	ID      string    `json:"id"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Ready   bool      `json:"ready"`
	// Problems are the failing readiness checks.
	Problems []string `json:"problems"`
}

// WatcherStatus is the status of a watcher.
type WatcherStatus struct {
	ProcessStatus
	Cluster string `json:"cluster"`
	Leader  bool   `json:"leader"`
	// Namespaces are those that it watches, as KUBERNETES_NAMESPACE has them.
	Namespaces string `json:"namespaces"`
	// PendingDeletion holds the deletions that wait for an approval; null for none.
	PendingDeletion *prune.PendingDeletion `json:"pendingDeletion"`
	// Manifests is the folder of manifests that the watcher reads; empty if it reads a cluster.
	Manifests string `json:"manifests"`
	// Unreadable are the files and subfolders of it whose content is unknown, at most MaxUnreadable.
	Unreadable []UnreadableFile `json:"unreadable"`
}

// MaxUnreadable bounds WatcherStatus.Unreadable, so that a status fits into a message.
const MaxUnreadable = 1000

// UnreadableFile is a file of manifests, or a folder of them, that cannot be read.
type UnreadableFile struct {
	Path    string `json:"path"`
	Problem string `json:"problem"` // at most 300 bytes
}

// SyncerStatus is the status of a syncer.
type SyncerStatus struct {
	ProcessStatus
	Target   string `json:"target"`
	Registry string `json:"registry"` // address, without credentials
	// Breaker is closed, open or half_open; empty while the syncer waits for the stream.
	Breaker       string    `json:"breaker"`
	BreakerSince  time.Time `json:"breakerSince"`
	BreakerReason string    `json:"breakerReason"` // why it opened last
	// InFlight components are being applied, of at most Limit at present and Concurrency at all.
	InFlight    int `json:"inFlight"`
	Limit       int `json:"limit"`
	Concurrency int `json:"concurrency"`
}

// The kinds of process that report a status.
const (
	ProcessWatcher = "watcher"
	ProcessSyncer  = "syncer"
)

// firstTimeout bounds the wait for the first status. The wait for each one after it is ten times as long as the slowest one has
// taken, within limits: on a machine that answers at once a command must not wait for answers that do not come.
const (
	firstTimeout   = 5 * time.Second
	minNextTimeout = 100 * time.Millisecond
	maxNextTimeout = 400 * time.Millisecond
)

// ServeStatus serves the status of this process until stop is called.
func ServeStatus(nc *nats.Conn, process string, status func(context.Context) any) (stop func(), err error) {
	fail := func(err error) error { return fmt.Errorf("add the status service of the %s: %w", process, err) }
	service, err := micro.AddService(nc, micro.Config{
		Name: "odasync-" + process, Version: version, Description: "Reports the status of a " + process,
		QueueGroupDisabled: true, // every process answers
	})
	if err != nil {
		return nil, fail(err)
	}
	stop = func() { _ = service.Stop() } // the connection ends it too
	respond := micro.HandlerFunc(func(r micro.Request) {
		ctx, cancel := context.WithTimeout(context.Background(), firstTimeout)
		defer cancel()
		_ = r.RespondJSON(status(ctx)) // where it is lost, the client times out
	})
	if err := service.AddEndpoint("status", respond, micro.WithEndpointSubject(event.StatusSubject(process))); err != nil {
		stop()
		return nil, fail(err)
	}
	return stop, nil
}

// Watchers returns the status of every running watcher.
func (c *Client) Watchers(ctx context.Context) ([]WatcherStatus, error) {
	return statuses[WatcherStatus](ctx, c.nc, ProcessWatcher)
}

// Syncers returns the status of every running syncer.
func (c *Client) Syncers(ctx context.Context) ([]SyncerStatus, error) {
	return statuses[SyncerStatus](ctx, c.nc, ProcessSyncer)
}

// statuses collects responses until none has come for a while.
func statuses[T any](ctx context.Context, nc *nats.Conn, process string) ([]T, error) {
	fail := func(err error) error { return fmt.Errorf("ask the %ss: %w", process, err) }
	responses, err := nc.SubscribeSync(nc.NewRespInbox())
	if err != nil {
		return nil, fail(err)
	}
	defer func() { _ = responses.Unsubscribe() }() // late responses are dropped
	if err := nc.PublishRequest(event.StatusSubject(process), responses.Subject, nil); err != nil {
		return nil, fail(err)
	}
	all, began := []T{}, time.Now()
	for timeout := firstTimeout; ; timeout = min(max(10*time.Since(began), minNextTimeout), maxNextTimeout) {
		msg, err := next(ctx, responses, timeout)
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

func next(ctx context.Context, responses *nats.Subscription, timeout time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return responses.NextMsgWithContext(ctx)
}
