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

// Tuning holds the times that nobody needs to set, but tests change.
type Tuning struct {
	// Settle is the time between two looks that must agree before a change counts.
	Settle time.Duration
	// Poll is the time between looks where nothing is notified.
	Poll time.Duration
}

// DefaultTuning returns what production uses.
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

	// What is known of the folder is kept from one Watch to the next: a file that broke meanwhile keeps what it gave.
	files     map[string]*file
	malformed map[component.Key]string // the problem, by Component
	doubles   map[string]bool          // the documents that another one stands before, as logged

	mu       sync.Mutex
	missing  error
	lookedAt time.Time
}

// Check says whether the folder can be watched, and what to do where it cannot.
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

// New returns a source of the Components of the API group in the folder whose namespaces are in the scope. The
// metrics' watch age is this source's from now on.
func New(dir, group string, scope component.Scope, metrics *Metrics, log zerolog.Logger) *Source {
	s := &Source{
		Tuning: DefaultTuning(), dir: filepath.Clean(dir), group: group, scope: scope, metrics: metrics, log: log,
		files: map[string]*file{}, malformed: map[component.Key]string{}, missing: errUnread, lookedAt: time.Now(),
	}
	metrics.age.Store(s)
	return s
}

var errUnread = errors.New("not read completely yet")

// Watch reports to the observer until the context ends, and then returns nil. It must not be called twice at a time.
func (s *Source) Watch(ctx context.Context, to component.Observer) error {
	s.note(errUnread)
	w := &watch{Source: s, to: to}
	w.again()
	var notices chan fsnotify.Event
	var losses chan error
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn().Err(err).Dur("every", s.Tuning.Poll).Msg("the system notifies of no changes: looking for them")
	} else {
		defer func() { _ = notifier.Close() }()
		w.notifier, notices, losses = notifier, notifier.Events, notifier.Errors
	}
	s.log.Info().Str("folder", s.dir).Stringer("namespaces", s.scope).Msg("watching manifests")

	timer := time.NewTimer(0)
	defer timer.Stop()
	soon := true
	asked := s.refresh.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-asked:
			asked = s.refresh.Wait()
			w.again()
			if soon {
				continue
			}
		case notice := <-notices:
			inPlace := !notice.Has(fsnotify.Create | fsnotify.Remove | fsnotify.Rename)
			if inPlace && !isManifest(notice.Name) || soon {
				continue
			}
		case err := <-losses: // too many notices at once, for example
			s.log.Debug().Err(err).Msg("notices of changes were lost: looking for them")
			if soon {
				continue
			}
		case <-timer.C:
			settled, err := w.look(ctx)
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

// Scopes is the one scope that is watched.
func (s *Source) Scopes() []component.Scope { return []component.Scope{s.scope} }

// Refresh makes another round begin.
func (s *Source) Refresh() { s.refresh.Broadcast() }

// Identity is empty: a folder has none.
func (s *Source) Identity() string { return "" }

// State returns nil while the folder can be read and everything in it was, at least once. Else it says what is
// missing.
func (s *Source) State() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missing != nil {
		return fmt.Errorf("manifests in %s: %w", s.dir, s.missing)
	}
	return nil
}

// Age is the time since the folder was last looked at with success and everything new was reported. It grows while
// the observer does not take what is there.
func (s *Source) Age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.lookedAt)
}

// note keeps what is missing for State.
func (s *Source) note(missing error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing = missing
}
