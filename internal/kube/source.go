package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"

	"odasync/internal/broadcast"
	"odasync/internal/component"
)

// Tuning holds the times and sizes that nobody needs to set, but tests shorten.
type Tuning struct {
	// InitialIdle is how long the initial events may pause before their end is held to be missing.
	InitialIdle time.Duration
	// SilentAfter is how long a watch may bring neither event nor bookmark. Servers send one about once a minute.
	SilentAfter time.Duration
	// Steady is how long a watch must last to be a success where nothing happened.
	Steady   time.Duration
	PageSize int
	Backoff  wait.Backoff
}

// DefaultTuning returns what production uses: retries after half a second at first and 30 seconds at most.
func DefaultTuning() Tuning {
	return Tuning{
		InitialIdle: 10 * time.Second,
		SilentAfter: 3 * time.Minute,
		Steady:      time.Second,
		PageSize:    500,
		Backoff:     wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.25, Steps: 10, Cap: 24 * time.Second},
	}
}

// minInitialTimeout is how long a watch that begins with a list may take at least, however short the configured
// timeout: the list of a large cluster would else be cut again and again.
const minInitialTimeout = 30 * time.Minute

// Source reports the Components of a cluster.
type Source struct {
	Tuning Tuning // may be changed before Watch

	client   *Client
	metrics  *Metrics
	log      zerolog.Logger
	refresh  broadcast.Signal
	watching atomic.Bool
	finding  *status
	scopes   []component.Scope
	statuses []*status // one a scope

	found    atomic.Pointer[discovery] // nil before the first
	mu       sync.Mutex                // held while the version is looked for again
	answered <-chan struct{}           // the call of Refresh after which that was
}

// NewSource returns a source of the configured namespaces. The metrics' watch age is this source's from now on.
func NewSource(cfg Config, client *Client, metrics *Metrics, log zerolog.Logger) (*Source, error) {
	scope, err := component.ParseScope(cfg.Namespaces)
	if err != nil {
		return nil, fmt.Errorf("read KUBERNETES_NAMESPACE: %w", err)
	}
	s := &Source{
		Tuning: DefaultTuning(), client: client, metrics: metrics, log: log,
		finding: &status{log: log}, scopes: scope.Split(),
	}
	for _, part := range s.scopes {
		s.statuses = append(s.statuses, &status{log: log.With().Stringer("scope", part).Logger()})
	}
	metrics.age.Store(s)
	return s, nil
}

// Watch reports to the observer until the context ends, and then returns nil. It never gives up. It must not be
// called twice at a time.
func (s *Source) Watch(ctx context.Context, to component.Observer) error {
	s.finding.begin()
	for _, status := range s.statuses {
		status.begin()
	}
	s.watching.Store(true)
	defer s.watching.Store(false)
	ctx = Quiet(ctx)
	backoff := s.Tuning.Backoff
	for ctx.Err() == nil {
		version, err := s.discover(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.finding.failed(explain(err, s.client.crdRule()))
		default:
			s.finding.complete()
			s.log.Info().Str("version", version).Str("server", s.client.Server()).Msg("watching Components")
			began := time.Now()
			s.watchVersion(ctx, version, to)
			if time.Since(began) >= s.Tuning.Steady {
				backoff = s.Tuning.Backoff
			}
		}
		sleep(ctx, backoff.Step())
	}
	return nil
}

// discovery is what the CRD said when it was read last.
type discovery struct{ version, uid string }

// discover looks for the version to read.
func (s *Source) discover(ctx context.Context) (string, error) {
	version, uid, err := s.client.discover(ctx)
	if err != nil {
		return "", err
	}
	s.found.Store(&discovery{version, cmp.Or(uid, s.Identity())})
	return version, nil
}

// outdated says whether another version is to be read by now. It asks the server once for each call of Refresh, however
// many scopes want to know; asked is what that call closed. Where there is no answer nothing changes.
func (s *Source) outdated(ctx context.Context, version string, asked <-chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered != asked {
		s.answered = asked
		if _, err := s.discover(ctx); err != nil {
			s.log.Debug().Err(err).Msg("version of the resource not looked for again")
		}
	}
	return s.found.Load().version != version
}

// Identity is the uid of the CRD, which tells this cluster from another; empty where the CRD must not be read. It is known
// before the first round begins.
func (s *Source) Identity() string {
	if found := s.found.Load(); found != nil {
		return found.uid
	}
	return ""
}

// watchVersion returns when the context ends, or the version is no longer served or no longer the best.
func (s *Source) watchVersion(ctx context.Context, version string, to component.Observer) {
	group, ctx := errgroup.WithContext(ctx)
	for i, scope := range s.scopes {
		w := &scopeWatch{
			source: s, client: s.client, version: version, scope: scope, to: to,
			tuning: s.Tuning, refresh: &s.refresh, status: s.statuses[i], metrics: s.metrics, log: s.statuses[i].log,
			malformed: map[string]malformed{},
		}
		group.Go(func() error { return w.run(ctx) })
	}
	_ = group.Wait() // the scope has noted why it ended
}

// Scopes are what is watched one by one.
func (s *Source) Scopes() []component.Scope { return s.scopes }

// Refresh makes every scope begin another round, after the one that it may be reading now, of the version that is the
// best by then.
func (s *Source) Refresh() { s.refresh.Broadcast() }

// State returns nil while every scope has been read completely and is connected. Else it says what is missing.
func (s *Source) State() error {
	if !s.watching.Load() {
		return errors.New("not watching")
	}
	if err := s.finding.state(); err != nil {
		return fmt.Errorf("find the version of %s.%s: %w", s.client.cfg.Plural, s.client.cfg.Group, err)
	}
	var missing []error
	for i, scope := range s.scopes {
		if err := s.statuses[i].state(); err != nil {
			missing = append(missing, fmt.Errorf("namespace %s: %w", scope, err))
		}
	}
	return errors.Join(missing...)
}

// Age is the time since the last event, bookmark or successful connection of the scope that has heard nothing for
// longest. Before the first it counts from the call of Watch, and it is 0 while Watch is not running. It grows while
// the observer does not take what is there.
func (s *Source) Age() time.Duration {
	var oldest time.Duration
	if !s.watching.Load() {
		return 0
	}
	for _, status := range s.statuses {
		oldest = max(oldest, status.age())
	}
	return oldest
}

// sleep waits, but not beyond the context.
func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
