package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/explain"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// beginStream is begin for a command that also works before any syncer was started: the session then has no sync state.
func beginStream(c *cli.Context) (ctx context.Context, s *session, end func(), err error) {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	s, err = openStream(ctx)
	if err == nil {
		if err = s.openStates(ctx); err != nil {
			s.conn.Close()
		}
	}
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, s, func() { s.conn.Close(); cancel() }, nil
}

// openStates opens the sync state of the target, if any syncer has created it.
func (s *session) openStates(ctx context.Context) (err error) {
	if s.states, err = store.OpenStates(ctx, s.log, s.target); errors.Is(err, store.ErrNotCreated) {
		s.states, err = nil, nil
	}
	return err
}

// state returns the sync state of the component in the target; zero where there is none.
func (s *session) state(ctx context.Context, key component.Key) (target.State, error) {
	if s.states == nil {
		return target.State{Key: key}, nil
	}
	return s.states.Load(ctx, key)
}

// in returns the session with another target, on the same connection.
func (s *session) in(ctx context.Context, target string) (*session, error) {
	other := &session{conn: s.conn, log: s.log, cluster: s.cluster, target: target}
	return other, other.openStates(ctx)
}

// newest is the newest message of a component.
type newest struct {
	event.Event
	// malformed is why it cannot be decoded; it then has only its key and sequence. It has no sequence where there is none.
	malformed error
	stored    time.Time
}

// head is the message without its body. A malformed one gives a head without hash.
func (n *newest) head() event.Head {
	if n.Sequence == 0 || n.malformed != nil {
		return event.Head{Key: n.Key, Sequence: n.Sequence}
	}
	return event.Head{Key: n.Key, Sequence: n.Sequence, Deleted: n.Deleted(), Hash: n.Hash, UID: n.UID, Time: n.Time}
}

func (s *session) newest(ctx context.Context, key component.Key) (newest, error) {
	m, found, err := s.conn.Last(ctx, stream.StreamName, event.Subject(key))
	if err != nil || !found {
		return newest{Event: event.Event{Key: key}}, err
	}
	n := newest{stored: m.Time}
	if n.Event, n.malformed = event.Decode(m.Message, m.Sequence); n.malformed != nil {
		n.Event = event.Event{Key: key, Sequence: m.Sequence}
	}
	return n, nil
}

// standingOf is standing of one component. Where it is read before the component's newest message, the state is never newer.
func (s *session) standingOf(ctx context.Context, key component.Key) (*standing, error) {
	state, err := s.state(ctx, key)
	if err != nil {
		return nil, err
	}
	all := &standing{states: map[component.Key]target.State{key: state}}
	return all, s.readProblems(ctx, all)
}

// find returns the key of the component with the name in the scope. One that exists counts before deleted ones. Without one it
// returns false, and a key that only has a namespace where the scope is one.
func (s *session) find(ctx context.Context, name string, scope component.Scope) (component.Key, bool, error) {
	none := component.Key{Cluster: s.cluster, Namespace: scope.Namespace(), Name: name}
	var present, deleted []component.Key
	err := s.log.NewestOfEach(ctx, event.Subjects(s.cluster, scope.Namespace(), name), func(e event.Event, err error) {
		switch {
		case !scope.Contains(e.Key.Namespace):
		case err != nil || !e.Deleted():
			present = append(present, e.Key)
		default:
			deleted = append(deleted, e.Key)
		}
	})
	if err == nil && len(present) == 0 { // it may never have been published, or be an orphan
		problems := &standing{}
		err = s.readProblems(ctx, problems)
		for key := range problems.problems {
			if key.Name == name && scope.Contains(key.Namespace) {
				present = append(present, key)
			}
		}
	}
	switch all := append(present, deleted...); {
	case err != nil:
		return none, false, err
	case len(present) > 1, len(present) == 0 && len(deleted) > 1:
		return none, false, &ambiguousError{max(len(present), len(deleted)), name}
	case len(all) == 0:
		return none, false, nil
	default:
		return all[0], true, nil
	}
}

// ambiguousError is returned where a name selects several components.
type ambiguousError struct {
	count int
	name  string
}

func (e *ambiguousError) Error() string { return fmt.Sprintf(ambiguous, e.count, e.name) }

// facts collects what is known about a component in the target.
func (s *session) facts(ctx context.Context, key component.Key) (*explain.Facts, error) {
	f := &explain.Facts{Key: key, Target: s.target}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { f.Watchers, err = s.control().Watchers(ctx); return err })
	group.Go(func() (err error) { f.Syncers, err = s.control().Syncers(ctx); return err })
	group.Go(func() error { return s.componentFacts(ctx, f) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	snapshot, found, err := s.log.LastSnapshot(ctx, s.cluster)
	if err == nil && found {
		f.FullSync = &snapshot
	}
	if backlog, err := s.log.Backlog(ctx, s.target); err == nil { // there is none before a syncer was started
		f.Backlog = backlog.Pending + uint64(max(backlog.AckPending, 0))
	}
	f.Now = time.Now()
	return f, nil
}

// componentFacts collects the facts about the component itself.
func (s *session) componentFacts(ctx context.Context, f *explain.Facts) error {
	all, err := s.standingOf(ctx, f.Key)
	if err != nil {
		return err
	}
	n, err := s.newest(ctx, f.Key)
	if err != nil {
		return err
	}
	f.Sync, f.Head = all.states[f.Key], n.head()
	if n.malformed != nil {
		f.Undecodable = n.malformed.Error()
	}
	if at := all.verified(f.Sync); at != nil {
		f.Verified = *at
	}
	if p, found := all.problems[f.Key]; found {
		if f.Orphan = p.orphan; f.Orphan == "" {
			f.Unpublished = &component.Unpublished{
				Namespace: f.Key.Namespace, Name: f.Key.Name, Reason: component.Unpublishable(p.state), Message: p.message,
			}
		}
	}
	return nil
}

// targets lists the target of the session and all others that a syncer was ever started for.
func (s *session) targets(ctx context.Context) ([]string, error) {
	registries, err := s.log.Registries(ctx)
	if err != nil {
		return nil, err
	}
	all := []string{s.target}
	for name := range registries {
		if name != s.target {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all, nil
}
