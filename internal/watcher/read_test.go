package watcher

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/prune"
	"odasync/internal/testcheck"
)

// exists makes the source's reads find the components.
func (s *fakeSource) exists(all ...component.Observation) {
	s.read = func(namespace, name string) (component.Observation, bool, error) {
		for _, o := range all {
			if o.Namespace == namespace && o.Name == name {
				return o, true, nil
			}
		}
		return component.Observation{}, false, nil
	}
}

// onRefresh runs the function once a resync is requested.
func (b *harness) onRefresh(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		select {
		case <-b.source.refreshes:
			do()
		case <-ctx.Done():
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestRead_PublishesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		exists []component.Observation
		want   []string // contents of a, oldest first
		during func(l *term)
		resync func(l *term) // what the requested resync finds; nil where none is due
		is     Published     // but for the sequence
	}{
		"when nothing changed": {exists: []component.Observation{seen("a", "A"), seen("b", "B")}, want: []string{"A"}},
		"when the watch delivers the change": {
			exists: []component.Observation{seen("a", "A2")}, want: []string{"A", "A2"},
			during: func(l *term) { l.observe(seen("a", "A2")) }, is: Published{Changed: true},
		},
		"when the watch missed the change": {
			exists: []component.Observation{seen("a", "A2")}, want: []string{"A", "A2"},
			resync: func(l *term) { l.resync(scope(l.t, "all"), seen("a", "A2"), seen("b", "B")) }, is: Published{Changed: true},
		},
		"when the watch missed the deletion": {
			want:   []string{"A", gone},
			resync: func(l *term) { l.resync(scope(l.t, "all"), seen("b", "B")) }, is: Published{Deleted: true, Changed: true},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newParallel(t)
			b.watcher.readLimits.patience = time.Hour
			if test.resync != nil {
				b.watcher.readLimits.patience = time.Millisecond
			}
			l := b.lead(t, b.log)
			l.observed(seen("a", "A"))
			l.resynced(all, seen("a", "A"), seen("b", "B"))
			b.source.exists(test.exists...)
			if test.during != nil {
				read := b.source.read
				b.source.read = func(namespace, name string) (component.Observation, bool, error) {
					test.during(l)
					return read(namespace, name)
				}
			}
			if test.resync != nil {
				b.onRefresh(t, func() { test.resync(l) })
			}
			got, err := b.watcher.Read(t.Context(), ns, "a")
			if err != nil || got.Deleted != test.is.Deleted || got.Changed != test.is.Changed {
				t.Errorf("%+v, %v, want %+v", got, err, test.is)
			}
			newest, _, err := b.log.Newest(t.Context(), component.Key{Cluster: cluster, Namespace: ns, Name: "a"})
			if err != nil || got.Sequence != newest.Sequence {
				t.Errorf("sequence %d, %v, want %d", got.Sequence, err, newest.Sequence)
			}
			b.expectContents(t, "a", test.want)
			if test.resync == nil && len(b.source.refreshes) > 0 {
				t.Error("a resync was requested")
			}
		})
	}
}

func TestRead_Errors(t *testing.T) {
	b := newParallel(t)
	b.source.scopes = []component.Scope{scope(t, ns)}
	b.watcher.readLimits = readLimits{patience: time.Millisecond, total: 50 * time.Millisecond, poll: time.Millisecond}
	read := func(namespace, name string) error {
		_, err := b.watcher.Read(t.Context(), namespace, name)
		return err
	}
	testcheck.ErrorIs(t, "before the term", ErrNotSynced, read(ns, "a"))
	l := b.lead(t, b.log)
	testcheck.ErrorIs(t, "before the first resync", ErrNotSynced, read(ns, "a"))
	huge := large(2 << 20)
	l.resynced(scope(t, ns), seen("a", "A"), seen("huge", huge))
	b.source.exists(seen("a", "other"), seen("huge", huge), malformed("broken"))
	for name, test := range map[string]struct{ namespace, name, want string }{
		"an unknown component":              {ns, "b", ErrUnknown.Error()},
		"another namespace":                 {"elsewhere", "a", "does not watch this namespace: see KUBERNETES_NAMESPACE"},
		"a component that cannot be read":   {ns, "broken", "spec: is missing"},
		"a component that is too large":     {ns, "huge", b.watcher.publishErrors.TooLarge.Error()},
		"a change that is not published":    {ns, "a", context.DeadlineExceeded.Error()},
		"a change that cannot be published": {ns, "a", "no space"},
	} {
		if test.want == "no space" {
			l.to.publishing.Set(errors.New(test.want))
		}
		if err := read(test.namespace, test.name); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		l.to.publishing.Set(nil)
	}
	b.source.read = func(string, string) (component.Observation, bool, error) {
		return component.Observation{}, false, errors.New("no route to host")
	}
	if err := read(ns, "a"); err == nil || err.Error() != "read "+ns+"/a: no route to host" {
		t.Errorf("a source that cannot be read: %v", err)
	}
	b.source.exists()
	l.resync(scope(t, ns))
	var pending *prune.PendingDeletion
	if err := read(ns, "a"); !errors.As(err, &pending) || pending.Gone != 1 {
		t.Errorf("a deletion that waits for an approval: %v", err)
	}
	waits, keys := b.watcher.Pending()
	if waits == nil || waits.ID != pending.ID || len(keys) != 1 || keys[0] != (component.Key{Cluster: cluster, Namespace: ns, Name: "a"}) {
		t.Errorf("pending %+v of %v", waits, keys)
	}
	_ = l.end()
	testcheck.ErrorIs(t, "after the term", ErrNotSynced, read(ns, "a"))
	if waits, keys := b.watcher.Pending(); waits != nil || keys != nil {
		t.Errorf("pending after the term: %+v of %v", waits, keys)
	}
	b.expectContents(t, "a", []string{"A"})
}
