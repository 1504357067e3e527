package syncer_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
)

// setup is how a test wants a replica.
type setup struct {
	url         string // of the server; empty for the bench's
	fed         string // empty for the bench's
	concurrency int
	tries       int // of an apply before its message goes back
	pause       time.Duration
	grace       time.Duration
	wrap        func(syncer.Dependencies) syncer.Dependencies
}

// probePace is how fast a replica probes a registry that is down.
const probePace = 10 * time.Millisecond

// replica is a syncer that runs.
type replica struct {
	t       testing.TB
	syncer  *syncer.Syncer
	metrics *prometheus.Registry
	logs    *lines
	stop    context.CancelFunc
	done    chan struct{}
	err     error // of Run; valid after done
}

// start runs a syncer as a process would, with a connection of its own.
func (b *bench) start(s setup) *replica {
	b.t.Helper()
	if s.url == "" {
		s.url = b.server.URL()
	}
	fed := cmp.Or(s.fed, fed)
	conn, err := stream.Connect(stream.Config{URL: s.url, Replicas: 1, History: 32}, "replica", zerolog.Nop(),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &replica{t: b.t, metrics: prometheus.NewRegistry(), logs: &lines{}, stop: stop, done: make(chan struct{})}
	log, err := conn.OpenLog(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	consumer, err := log.EnsureConsumer(ctx, fed, "http://registry")
	if err != nil {
		b.t.Fatal(err)
	}
	sessions, err := store.EnsureSessions(ctx, conn, fed)
	if err != nil {
		b.t.Fatal(err)
	}
	states, err := store.EnsureStates(ctx, log, fed)
	if err != nil {
		b.t.Fatal(err)
	}
	cfg := syncer.Config{
		Target: fed, Concurrency: max(s.concurrency, 1), Batch: max(s.concurrency, 1), Tries: max(s.tries, 1), Pause: config.Duration(s.pause),
	}
	letters, err := store.EnsureDeadLetters(ctx, conn, fed)
	if err != nil {
		b.t.Fatal(err)
	}
	ports := syncer.Dependencies{
		Deliveries: consumer, Heads: log, Sessions: sessions, States: states, DeadLetters: letters, Registry: b.registry, Probe: b.registry,
	}
	if s.wrap != nil {
		ports = s.wrap(ports)
	}
	if s.grace == 0 {
		s.grace = patience
	}
	timing := syncer.Timing{Heartbeat: stream.AckWait / 3, Grace: s.grace, Probe: probePace}
	r.syncer = syncer.New(ports, cfg, timing, syncer.NewMetrics(r.metrics), zerolog.New(r.logs))
	go func() {
		defer close(r.done)
		r.err = r.syncer.Run(ctx)
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = sessions.Close(closing) // a server that is away expires it
	}()
	b.t.Cleanup(func() {
		stop()
		<-r.done
		conn.Close()
	})
	return r
}

// end stops the replica and returns what Run returned.
func (r *replica) end() error {
	r.stop()
	<-r.done
	return r.err
}

// ended waits for Run to return.
func (r *replica) ended() error {
	r.t.Helper()
	eventually(r.t, "Run to return", func() bool {
		select {
		case <-r.done:
			return true
		default:
			return false
		}
	})
	return r.err
}

// outcome counts the messages with that outcome.
func (r *replica) outcome(name string) int {
	return r.counter("odasync_events_handled_total", name)
}

func (r *replica) races() int { return r.counter("odasync_apply_conflicts_total", "") }

func (r *replica) lost() int { return r.counter("odasync_claims_lost_total", "") }

// counter reads a counter, of the label value where one is given.
func (r *replica) counter(name, label string) int {
	r.t.Helper()
	count, _ := r.series(name, label)
	return count
}

// observed is how often a histogram was told something.
func (r *replica) observed(name, label string) int {
	r.t.Helper()
	_, observed := r.series(name, label)
	return observed
}

func (r *replica) series(name, label string) (counter, observed int) {
	r.t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return int(m.GetCounter().GetValue()), int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	r.t.Fatalf("no metric %s of %q", name, label)
	return 0, 0
}

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// messages lists the messages of a level, oldest first.
func (l *lines) messages(t testing.TB, level zerolog.Level) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for line := range bytes.Lines(l.buf.Bytes()) {
		var entry struct{ Level, Message string }
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Level == level.String() {
			all = append(all, entry.Message)
		}
	}
	return all
}
