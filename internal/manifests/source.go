package manifests

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"

	"odasync/internal/broadcast"
	"odasync/internal/component"
)

// Tuning holds times that only tests change.
type Tuning struct {
	// Settle is the time between two scans that must agree before a change counts.
	Settle time.Duration
	// Poll is the time between two scans without notifications.
	Poll time.Duration
}

// DefaultTuning returns the values for production.
func DefaultTuning() Tuning { return Tuning{Settle: 50 * time.Millisecond, Poll: 2 * time.Second} }

// Source reports the Components of a folder.
type Source struct {
	Tuning Tuning // may be changed before Watch

	refresh broadcast.Signal
	dir     string
	group   string // of the Component resource
	scope   component.Scope
	metrics *Metrics
	log     zerolog.Logger

	// The state of the files outlives a Watch: a file that becomes unreadable in between keeps its Components.
	files      map[string]*file
	known      map[component.Key]struct{} // what was ever read, without a cluster
	malformed  map[component.Key]string   // the problem, by Component
	duplicates map[string]bool            // documents that an earlier one replaces, as logged

	mu         sync.Mutex
	missing    error
	unreadable []Unreadable
	scannedAt  time.Time
}

// Check returns why the folder cannot be watched, with the remedy; nil if it can.
func Check(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case dir == "":
		return errors.New("no manifest folder named: give the folder that holds the manifests")
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("manifest folder %s does not exist: create it or name another", dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder: name the folder that holds the manifests", dir)
	}
	if _, err = os.ReadDir(dir); err != nil {
		return fmt.Errorf("list the manifest folder: %w: give this user access to it", err)
	}
	return nil
}

// New returns a source of the Components of the API group in the folder whose namespaces are in the scope. The metrics report its
// age.
func New(dir, group string, scope component.Scope, metrics *Metrics, log zerolog.Logger) *Source {
	s := &Source{
		Tuning: DefaultTuning(), dir: filepath.Clean(dir), group: group, scope: scope, metrics: metrics, log: log,
		files: map[string]*file{}, known: map[component.Key]struct{}{}, malformed: map[component.Key]string{}, missing: errUnread, scannedAt: time.Now(),
	}
	metrics.source.Store(s)
	return s
}

var errUnread = errors.New("not read completely yet")

// Watch reports to the observer until the context ends, then returns nil. Calls must not overlap.
func (s *Source) Watch(ctx context.Context, to component.Observer) error {
	s.setMissing(errUnread)
	w := &folderWatch{source: s, to: to}
	w.beginResync()
	var notifications chan fsnotify.Event
	var notifyErrors chan error
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn().Err(err).Dur("every", s.Tuning.Poll).Msg("no change notifications, polling")
	} else {
		defer func() { _ = notifier.Close() }()
		w.notifier, notifications, notifyErrors = notifier, notifier.Events, notifier.Errors
	}
	s.log.Info().Str("folder", s.dir).Stringer("namespaces", s.scope).Msg("watching manifests")

	timer := time.NewTimer(0)
	defer timer.Stop()
	soon := true
	refreshed := s.refresh.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-refreshed:
			refreshed = s.refresh.Wait()
			w.beginResync()
			if soon {
				continue
			}
		case notification := <-notifications:
			inPlace := !notification.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename)
			if inPlace && !isManifest(notification.Name) || soon {
				continue
			}
		case err := <-notifyErrors: // such as too many notifications at once
			s.log.Debug().Err(err).Msg("change notifications lost, scanning")
			if soon {
				continue
			}
		case <-timer.C:
			settled, err := w.scan(ctx)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			case settled:
				soon = false
				timer.Reset(s.Tuning.Poll)
				continue
			}
		}
		soon = true
		timer.Reset(s.Tuning.Settle)
	}
}

// Scopes returns the one scope.
func (s *Source) Scopes() []component.Scope { return []component.Scope{s.scope} }

// Read reads the files now, beside the watch, for one Component; false where none contains it. Files that cannot be read do not
// matter if another one does.
func (s *Source) Read(_ context.Context, namespace, name string) (component.Observation, bool, error) {
	paths, err := Files(s.dir)
	for _, path := range paths {
		content, fileErr := os.ReadFile(path)
		var all []component.Observation
		if fileErr == nil {
			all, fileErr = Parse(s.group, content)
		}
		if fileErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", path, fileErr))
		}
		for _, seen := range all {
			if seen.Namespace == namespace && seen.Name == name {
				seen.UID, seen.ResourceVersion, seen.Seen = "", "", time.Now() // as the watch reports it
				return seen, true, nil
			}
		}
	}
	return component.Observation{}, false, err
}

// Refresh starts another resync.
func (s *Source) Refresh() { s.refresh.Broadcast() }

// Identity is empty: a folder has no identity.
func (s *Source) Identity() string { return "" }

// State returns nil once everything that can be read is reported, else why it is not. A file that cannot be read is no reason:
// see Unreadable.
func (s *Source) State() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missing != nil {
		return fmt.Errorf("manifests in %s: %w", s.dir, s.missing)
	}
	return nil
}

// Age is the time since the last successful scan of which everything was reported. It grows while the observer blocks.
func (s *Source) Age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.scannedAt)
}

// setMissing sets the result of State.
func (s *Source) setMissing(missing error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = missing
}

// scanned records a scan of which everything was reported.
func (s *Source) scanned(at time.Time, unreadable []Unreadable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing, s.unreadable, s.scannedAt = nil, unreadable, at
}
