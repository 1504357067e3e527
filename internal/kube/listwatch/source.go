package listwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"

	"odasync/internal/broadcast"
	"odasync/internal/component"
	"odasync/internal/kube"
)

// Tuning holds times and sizes that only tests change.
type Tuning struct {
	// InitialIdle is the longest pause between initial events. After it, their end counts as missing.
	InitialIdle time.Duration
	// SilentAfter is the longest time without an event or a bookmark. Servers send a bookmark about once a minute.
	SilentAfter time.Duration
	// Steady is the time after which a watch without events counts as a success.
	Steady   time.Duration
	PageSize int
	Backoff  wait.Backoff
}

// DefaultTuning returns the values for production: retries after half a second at first, and after at most 30 seconds.
func DefaultTuning() Tuning {
	return Tuning{
		InitialIdle: 10 * time.Second,
		SilentAfter: 3 * time.Minute,
		Steady:      time.Second,
		PageSize:    500,
		Backoff:     wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.25, Steps: 10, Cap: 24 * time.Second},
	}
}

// Source reports the Components of a cluster.
type Source struct {
	Tuning Tuning // may be changed before Watch

	client      *kube.Client
	metrics     *Metrics
	log         zerolog.Logger
	refresh     broadcast.Signal
	watching    atomic.Bool
	discovering *status
	scopes      []component.Scope
	statuses    []*status // one for each scope
	apiStatuses []*status // the same for the ExposedAPIs; empty without them

	discovered   atomic.Pointer[discovery] // nil before the first
	mu           sync.Mutex                // held during the discovery after a Refresh
	refreshedFor <-chan struct{}           // the last Refresh that was followed by a discovery
}

// NewSource returns a source of the configured namespaces, whose age the metrics report.
func NewSource(cfg kube.Config, client *kube.Client, metrics *Metrics, log zerolog.Logger) (*Source, error) {
	scope, err := component.ParseScope(cfg.Namespaces)
	if err != nil {
		return nil, fmt.Errorf("read KUBERNETES_NAMESPACE: %w", err)
	}
	s := &Source{
		Tuning: DefaultTuning(), client: client, metrics: metrics, log: log,
		discovering: &status{log: log}, scopes: scope.Split(),
	}
	for _, part := range s.scopes {
		log := log.With().Stringer("scope", part).Logger()
		s.statuses = append(s.statuses, &status{log: log})
		if cfg.WatchExposedAPIs {
			s.apiStatuses = append(s.apiStatuses, &status{log: log.With().Str("resource", kube.ExposedAPIs.Plural).Logger()})
		}
	}
	metrics.source.Store(s)
	return s, nil
}

// Watch reports to the observer until the context ends, then returns nil. Calls must not overlap.
func (s *Source) Watch(ctx context.Context, to component.Observer) error {
	s.discovering.begin()
	for _, status := range slices.Concat(s.statuses, s.apiStatuses) {
		status.begin()
	}
	s.watching.Store(true)
	defer s.watching.Store(false)
	ctx = kube.Quiet(ctx)
	backoff := s.Tuning.Backoff
	for ctx.Err() == nil {
		version, err := s.discover(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.discovering.failed(explain(err))
		default:
			s.discovering.complete()
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

// discovery is the result of the last reading of the CRD.
type discovery struct{ version, uid string }

// discover finds the version to read.
func (s *Source) discover(ctx context.Context) (string, error) {
	version, uid, err := s.client.Discover(ctx)
	if err != nil {
		return "", err
	}
	s.discovered.Store(&discovery{version, cmp.Or(uid, s.Identity())})
	return version, nil
}

// outdated reports whether another version is preferred by now. All scopes share one discovery for each Refresh, which is
// identified by the channel that it closed. A discovery that fails changes nothing.
func (s *Source) outdated(ctx context.Context, version string, refreshed <-chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refreshedFor != refreshed {
		s.refreshedFor = refreshed
		if _, err := s.discover(ctx); err != nil {
			s.log.Debug().Err(err).Msg("discovery of the resource version failed")
		}
	}
	return s.discovered.Load().version != version
}

// Identity is the uid of the CRD, which identifies the cluster; empty without permission to read the CRD. It is known before
// the first resync begins.
func (s *Source) Identity() string {
	if discovered := s.discovered.Load(); discovered != nil {
		return discovered.uid
	}
	return ""
}

// watchVersion returns when the context ends, or the version is no longer served or no longer preferred.
func (s *Source) watchVersion(ctx context.Context, version string, to component.Observer) {
	group, ctx := errgroup.WithContext(ctx)
	for i, scope := range s.scopes {
		status := s.statuses[i]
		report := &componentReport{
			client: s.client, of: s.client.ComponentResource(version), scope: scope, to: to, metrics: s.metrics, log: status.log,
			malformed: map[objectName]malformed{},
		}
		components := s.newWatch(report.of, scope, report, status)
		components.outdated = func(ctx context.Context, refreshed <-chan struct{}) bool { return s.outdated(ctx, version, refreshed) }
		if len(s.apiStatuses) > 0 {
			report.apis = newAPIIndex()
			apis := s.newWatch(kube.ExposedAPIs, scope, &apiReport{index: report.apis, again: report.again}, s.apiStatuses[i])
			group.Go(func() error { return apis.run(ctx) })
		}
		group.Go(func() error {
			if len(s.apiStatuses) > 0 { // else each Component would be reported with its own status first
				s.apiStatuses[i].awaitSettled(ctx)
			}
			return components.run(ctx)
		})
	}
	_ = group.Wait() // the status of the scope has the error
}

func (s *Source) newWatch(of kube.Resource, scope component.Scope, to reporter, status *status) *scopeWatch {
	return &scopeWatch{
		client: s.client, of: of, scope: scope, to: to, tuning: s.Tuning, refresh: &s.refresh,
		status: status, metrics: s.metrics, log: status.log,
	}
}

// Scopes returns the scopes, each with a watch of its own.
func (s *Source) Scopes() []component.Scope { return s.scopes }

// Read reads one Component now; false where it does not exist.
func (s *Source) Read(ctx context.Context, namespace, name string) (component.Observation, bool, error) {
	scope, err := component.ParseScope(namespace)
	if err != nil {
		return component.Observation{}, false, err
	}
	seen, err := Components(ctx, s.client, scope, name)
	if err != nil || len(seen) == 0 {
		return component.Observation{}, false, err
	}
	return seen[0], true, nil
}

// Refresh starts a resync of every scope, after the one that may be under way, in the version that is preferred by then.
func (s *Source) Refresh() { s.refresh.Broadcast() }

// State returns nil while every scope has been read completely and is connected, else what is missing. That goes for ExposedAPIs
// too, although their failure does not stop the Components.
func (s *Source) State() error {
	if !s.watching.Load() {
		return errors.New("not watching")
	}
	if err := s.discovering.state(); err != nil {
		return fmt.Errorf("find the version of %s.%s: %w", s.client.Config().Plural, s.client.Config().Group, err)
	}
	var missing []error
	for i, scope := range s.scopes {
		if err := s.statuses[i].state(); err != nil {
			missing = append(missing, fmt.Errorf("namespace %s: %w", scope, err))
		}
	}
	for i, status := range s.apiStatuses {
		if err := status.state(); err != nil {
			missing = append(missing, fmt.Errorf("ExposedAPIs of namespace %s: %w", s.scopes[i], err))
		}
	}
	return errors.Join(missing...)
}

// Age is the time since the last event, bookmark or successful connection, of the scope with the longest time. Before the
// first it counts from the call of Watch; it is 0 while Watch is not running. It grows while the observer blocks.
func (s *Source) Age() time.Duration {
	var oldest time.Duration
	if !s.watching.Load() {
		return 0
	}
	for _, status := range slices.Concat(s.statuses, s.apiStatuses) {
		oldest = max(oldest, status.age())
	}
	return oldest
}

// sleep pauses until the time is over or the context ends.
func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}
