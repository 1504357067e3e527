package syncertest

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/config"
	"odasync/internal/flow"
	"odasync/internal/logtest"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/testcheck"
)

// Setup configures a replica.
type Setup struct {
	URL         string // of the server; the environment's if empty
	Target      string // Target if empty
	Concurrency int
	Tries       int // of an apply before its message is requeued
	Pause       time.Duration
	Grace       time.Duration
	Wrap        func(*syncer.Dependencies)
}

// probeInterval is the least time between two probes of a replica.
const probeInterval = 10 * time.Millisecond

// Replica is a syncer that runs.
type Replica struct {
	Syncer  *syncer.Syncer
	Metrics *prometheus.Registry
	Logger  zerolog.Logger
	Stop    context.CancelFunc
	Done    chan struct{} // closed when Run has returned

	t    testing.TB
	logs logtest.Buffer
	err  error // of Run; valid after Done
}

// Start runs a syncer as a process would, with a connection of its own.
func (e *Env) Start(s Setup) *Replica {
	t := e.t
	t.Helper()
	of := cmp.Or(s.Target, Target)
	must := func(err error) {
		t.Helper()
		testcheck.NoError(t, err)
	}
	conn, err := natsconn.Connect(natsconn.Config{URL: cmp.Or(s.URL, e.Server.URL()), Replicas: 1, History: 32}, "replica", zerolog.Nop(),
		nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	r := &Replica{t: t, Metrics: prometheus.NewRegistry(), Stop: stop, Done: make(chan struct{})}
	r.Logger = zerolog.New(&r.logs)
	log, err := stream.OpenLog(ctx, conn)
	must(err)
	consumer, err := log.EnsureConsumer(ctx, of, "http://registry")
	must(err)
	sessions, err := store.EnsureSessions(ctx, conn, of)
	must(err)
	states, err := store.EnsureStates(ctx, log, of)
	must(err)
	letters, err := store.EnsureDeadLetters(ctx, conn, of)
	must(err)
	deps := syncer.Dependencies{
		Deliveries: consumer, Heads: log, Sessions: sessions, States: states, DeadLetters: letters, Registry: e.Registry, Probe: e.Registry,
	}
	if s.Wrap != nil {
		s.Wrap(&deps)
	}
	cfg := syncer.Config{
		Target: of, Concurrency: max(s.Concurrency, 1), Batch: max(s.Concurrency, 1), Tries: max(s.Tries, 1), Pause: config.Duration(s.Pause),
	}
	timing := syncer.Timing{Heartbeat: stream.AckWait / 3, Grace: cmp.Or(s.Grace, Patience), Probe: probeInterval}
	r.Syncer = syncer.New(deps, cfg, timing, syncer.NewMetrics(r.Metrics), r.Logger)
	go func() {
		defer close(r.Done)
		r.err = r.Syncer.Run(ctx)
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = sessions.Close(closing) // a server that is away expires it
	}()
	t.Cleanup(func() {
		stop()
		<-r.Done
		conn.Close()
	})
	return r
}

// End stops the replica and returns what Run returned.
func (r *Replica) End() error {
	r.Stop()
	<-r.Done
	return r.err
}

// Ended waits for Run to return, and returns its error.
func (r *Replica) Ended() error {
	r.t.Helper()
	Eventually(r.t, "Run to return", func() bool { return !r.Running() })
	return r.err
}

// Running reports whether Run has not returned yet.
func (r *Replica) Running() bool {
	select {
	case <-r.Done:
		return false
	default:
		return true
	}
}

// AwaitBreaker waits until the replica's breaker has the state.
func (r *Replica) AwaitBreaker(want flow.State) {
	r.t.Helper()
	Eventually(r.t, "the circuit breaker to be "+string(want), func() bool { return r.Syncer.Applier.Flow().Breaker.State == want })
}

// Outcome counts the messages with that outcome.
func (r *Replica) Outcome(name string) int { return r.Counter("odasync_events_handled_total", name) }

// Conflicts counts the conflicts with other replicas.
func (r *Replica) Conflicts() int { return r.Counter("odasync_apply_conflicts_total", "") }

// ClaimsLost counts the applies whose session was lost.
func (r *Replica) ClaimsLost() int { return r.Counter("odasync_claims_lost_total", "") }

// Counter reads a counter, of the label value unless that is empty.
func (r *Replica) Counter(name, label string) int {
	r.t.Helper()
	count, _ := r.series(name, label)
	return count
}

// Observed counts the observations of a histogram.
func (r *Replica) Observed(name, label string) int {
	r.t.Helper()
	_, observed := r.series(name, label)
	return observed
}

func (r *Replica) series(name, label string) (counter, observed int) {
	r.t.Helper()
	families, err := r.Metrics.Gather()
	testcheck.NoError(r.t, err)
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

// Messages lists the log messages of a level, oldest first.
func (r *Replica) Messages(level zerolog.Level) []string {
	r.t.Helper()
	var all []string
	for line := range strings.Lines(r.logs.String()) {
		var entry struct{ Level, Message string }
		testcheck.NoError(r.t, json.Unmarshal([]byte(line), &entry))
		if entry.Level == level.String() {
			all = append(all, entry.Message)
		}
	}
	return all
}
