package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"odasync/internal/natsconn"
	"odasync/internal/stream"
	"odasync/test/procs"
)

// broker is a filled stream on one nats-server or three.
type broker struct {
	replicas int
	servers  []*procs.Process
	url      string
	nc       *nats.Conn
	js       jetstream.JetStream
}

func startBroker(ctx context.Context, group *procs.Group, replicas int, o options) (b *broker, err error) {
	b = &broker{replicas: replicas}
	name := fmt.Sprintf("nats-r%d", replicas)
	if replicas > 1 {
		b.servers, b.url, err = group.NATSCluster(ctx, name, replicas)
	} else {
		b.servers = make([]*procs.Process, 1)
		b.servers[0], b.url, err = group.NATS(ctx, name, 0)
	}
	if err != nil {
		return nil, err
	}
	conn, err := natsconn.Connect(natsconn.Config{URL: b.url, Replicas: replicas, History: 32}, "odasync-bench", zerolog.Nop())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var log *stream.Log
	for {
		if log, err = stream.EnsureLog(ctx, conn); err == nil {
			break
		}
		if procs.Pause(ctx, 100*time.Millisecond) != nil { // the servers have not found each other yet
			return nil, err
		}
	}
	if err := fill(ctx, log, o.components, o.aged); err != nil {
		return nil, fmt.Errorf("fill the stream: %w", err)
	}
	if b.nc, err = nats.Connect(b.url); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", name, err)
	}
	if b.js, err = jetstream.New(b.nc); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", name, err)
	}
	return b, nil
}

func (b *broker) stop() error {
	b.nc.Close()
	var problems []error
	for _, server := range slices.Backward(b.servers) {
		problems = append(problems, server.Stop())
	}
	return errors.Join(problems...)
}

// clear removes everything that syncers created, so that the next one starts from scratch.
func (b *broker) clear(ctx context.Context) error {
	names := b.js.StreamNames(ctx)
	var others []string
	for name := range names.Name() {
		if name != stream.StreamName {
			others = append(others, name)
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	for _, name := range others {
		if err := b.js.DeleteStream(ctx, name); err != nil {
			return fmt.Errorf("remove stream %s: %w", name, err)
		}
	}
	log, err := b.js.Stream(ctx, stream.StreamName)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", stream.StreamName, err)
	}
	consumers := log.ConsumerNames(ctx)
	var readers []string
	for name := range consumers.Name() {
		readers = append(readers, name)
	}
	if err := consumers.Err(); err != nil {
		return fmt.Errorf("list consumers: %w", err)
	}
	for _, name := range readers {
		if err := log.DeleteConsumer(ctx, name); err != nil {
			return fmt.Errorf("remove consumer %s: %w", name, err)
		}
	}
	return nil
}

// traffic counts what is sent to the broker, by kind.
type traffic struct {
	mu     sync.Mutex
	kinds  map[string]int
	waited map[string]int // those that a client waits for
}

// listen counts until stop is called. It doubles the load of the broker, so that a run is either counted or measured.
func (b *broker) listen() (t *traffic, stop func() error, err error) {
	t = &traffic{kinds: map[string]int{}, waited: map[string]int{}}
	subscription, err := b.nc.Subscribe(">", t.count)
	if err == nil {
		err = subscription.SetPendingLimits(-1, -1)
	}
	if err == nil {
		err = b.nc.Flush()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("listen to the broker: %w", err)
	}
	return t, func() error {
		if err := b.nc.Flush(); err != nil {
			return fmt.Errorf("listen to the broker: %w", err)
		}
		for { // what has arrived and was not counted yet
			if pending, _, err := subscription.Pending(); err != nil || pending == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return subscription.Unsubscribe()
	}, nil
}

func (t *traffic) count(m *nats.Msg) {
	kind, pull := kindOf(m)
	if kind == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kinds[kind]++
	if m.Reply != "" && !pull {
		t.waited[kind]++
	}
}

// kindOf names a message to the broker; empty for what comes from it. A pull is a request without waiting: messages
// are prefetched.
func kindOf(m *nats.Msg) (kind string, pull bool) {
	tokens := strings.Split(m.Subject, ".")
	switch {
	case strings.HasPrefix(m.Subject, "_INBOX"), strings.HasPrefix(m.Subject, "$JS.EVENT."), strings.HasPrefix(m.Reply, "$JS.ACK."):
		return "", false // an answer, an advisory, and a delivery, which shows the subject that it was published to
	case strings.HasPrefix(m.Subject, "$KV."):
		kind = "put " + tokens[1]
		if operation := m.Header.Get("KV-Operation"); operation != "" {
			kind = strings.ToLower(operation) + " " + tokens[1]
		}
		return kind, false
	case strings.HasPrefix(m.Subject, "$JS.ACK."):
		word, _, _ := strings.Cut(string(m.Data), " ")
		return "ack " + cmp.Or(word, "+ACK"), false
	case strings.HasPrefix(m.Subject, "$JS.API.CONSUMER.MSG.NEXT."):
		return "pull", true
	case strings.HasPrefix(m.Subject, "$JS.API.DIRECT.GET."):
		return "direct get " + tokens[4], false
	case strings.HasPrefix(m.Subject, "$JS.API.STREAM.MSG.GET."):
		return "get " + tokens[5], false
	case strings.HasPrefix(m.Subject, "$JS."):
		return "other requests to JetStream", false
	}
	return "other", false
}

// perApply returns the messages waited for, and the kinds with their number an apply, the most frequent first.
func (t *traffic) perApply(applies int) (waited float64, kinds []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, count := range t.waited {
		waited += float64(count) / float64(applies)
	}
	names := slices.Collect(maps.Keys(t.kinds))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(t.kinds[b]-t.kinds[a], strings.Compare(a, b)) })
	for _, name := range names {
		each := float64(t.kinds[name]) / float64(applies)
		if each < 0.005 {
			continue
		}
		how := ""
		if t.waited[name] == t.kinds[name] {
			how = " (waited for)"
		}
		kinds = append(kinds, fmt.Sprintf("%.2f %s%s", each, name, how))
	}
	return waited, kinds
}
