package manifests

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"odasync/internal/component"
)

// report tells the observer what differs from what it was told before, and closes the round once all is known. A Component
// that no file gives any more is not reported as deleted, since nobody said so: it is absent from another round.
func (w *watch) report(ctx context.Context, now time.Time, complete bool) error {
	all := w.components()
	for key := range w.reported {
		if all[key] == nil {
			delete(w.malformed, key)
			w.again()
		}
	}
	if !w.begun {
		w.round, w.begun = w.to.Begin(w.scope), true
	}
	for _, key := range slices.SortedFunc(maps.Keys(all), component.Key.Compare) {
		f := all[key]
		if w.reported[key] == f {
			continue
		}
		w.noteMalformed(key, f)
		seen := f.seen
		seen.Seen = now
		if err := w.to.Observe(ctx, w.round, seen); err != nil {
			return err
		}
		w.reported[key] = f
	}
	if complete && !w.ended {
		if err := w.to.End(ctx, w.round, w.scope, ""); err != nil {
			return err
		}
		w.ended = true
		log := w.log.Debug()
		if !w.told {
			w.told, log = true, w.log.Info()
		}
		log.Int("files", len(w.files)).Int("components", len(all)).Msg("all manifests read")
	}
	return nil
}

// again makes the next report one of everything, in another round.
func (w *watch) again() { w.begun, w.ended, w.reported = false, false, map[component.Key]*found{} }

// components returns the first document of each Component in the order of paths. The keys name no cluster.
func (s *Source) components() map[component.Key]*found {
	all := map[component.Key]*found{}
	doubles := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		for _, f := range s.files[path].given {
			key := component.Key{Namespace: f.seen.Namespace, Name: f.seen.Name}
			first := all[key]
			if first == nil {
				all[key] = f
				continue
			}
			double := key.String() + "\n" + first.path + "\n" + first.where + "\n" + f.path + "\n" + f.where
			doubles[double] = true
			if !s.doubles[double] {
				s.log.Error().Str("namespace", key.Namespace).Str("component", key.Name).
					Str("file", f.path).Str("where", f.where).Str("first_file", first.path).Str("first_where", first.where).
					Msg("two manifests of one Component: only the first counts, remove one")
			}
		}
	}
	s.doubles = doubles
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
