package manifests

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"odasync/internal/component"
)

// report reports what has changed since the last report, and ends the resync. A Component that no file contains any more is
// absent from another resync, unless it is unknown.
func (w *folderWatch) report(ctx context.Context, now time.Time, unknown func(namespace, name string) bool) error {
	all := w.source.components()
	for key := range w.reported {
		if all[key] == nil {
			delete(w.source.malformed, key)
			w.beginResync()
		}
	}
	if !w.begun {
		w.generation, w.begun = w.to.Begin(w.source.scope), true
	}
	for _, key := range slices.SortedFunc(maps.Keys(all), component.Key.Compare) {
		f := all[key]
		if w.reported[key] == f {
			continue
		}
		w.source.noteMalformed(key, f)
		seen := f.seen
		seen.Seen = now
		if err := w.to.Observe(ctx, w.generation, seen); err != nil {
			return err
		}
		w.reported[key] = f
		w.source.known[key] = struct{}{}
	}
	if !w.ended {
		if err := w.to.End(ctx, w.generation, w.source.scope, component.Resync{Unknown: unknown}); err != nil {
			return err
		}
		w.ended = true
		log := w.source.log.Debug()
		if !w.logged {
			w.logged, log = true, w.source.log.Info()
		}
		log.Int("files", len(w.source.files)).Int("components", len(all)).Int("unreadable", len(w.unreadable)).Msg("manifests read")
	}
	return nil
}

// beginResync makes the next report a resync.
func (w *folderWatch) beginResync() {
	w.begun, w.ended, w.reported = false, false, map[component.Key]*found{}
}

// components returns the first document of each Component in the order of paths. The keys have no cluster.
func (s *Source) components() map[component.Key]*found {
	all := map[component.Key]*found{}
	duplicates := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		for _, f := range s.files[path].components {
			key := component.Key{Namespace: f.seen.Namespace, Name: f.seen.Name}
			first := all[key]
			if first == nil {
				all[key] = f
				continue
			}
			duplicate := key.String() + "\n" + first.path + "\n" + first.where + "\n" + f.path + "\n" + f.where
			duplicates[duplicate] = true
			if !s.duplicates[duplicate] {
				s.log.Error().Str("namespace", key.Namespace).Str("component", key.Name).
					Str("file", f.path).Str("where", f.where).Str("first_file", first.path).Str("first_where", first.where).
					Msg("duplicate manifests of a component, using the first: remove one")
			}
		}
	}
	s.duplicates = duplicates
	return all
}

// noteMalformed counts and logs a Component that cannot be read, when it is first seen and when its problem changes.
func (s *Source) noteMalformed(key component.Key, f *found) {
	if f.seen.Err == nil {
		delete(s.malformed, key)
		return
	}
	problem := f.seen.Err.Error()
	if s.malformed[key] == problem {
		return
	}
	s.malformed[key] = problem
	s.metrics.malformed.Inc()
	line := s.log.Warn().Str("namespace", key.Namespace).Str("component", key.Name).Str("file", f.path).Str("where", f.where)
	var field *component.FieldError
	if errors.As(f.seen.Err, &field) {
		line = line.Str("field", field.Field).Str("error", field.Problem)
	} else {
		line = line.Str("error", problem)
	}
	line.Msg("component cannot be read")
}
