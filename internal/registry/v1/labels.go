package v1

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// pair is a label's content, under which the registry has one id.
type pair struct{ key, value string }

func (p pair) print() fingerprint.Print { return fingerprint.Of(p) }

// labels knows the ids of the registry's labels and creates what is missing. Labels are never deleted: other entries may
// use them, and the registry does not check.
type labels struct {
	ids      table[fingerprint.Print, int64] // by the pair's fingerprint
	creating flight[pair]
}

// pairs lists a set's pairs in a fixed order.
func (l labelSet) pairs() []pair {
	pairs := make([]pair, 0, len(l))
	for key, value := range l {
		pairs = append(pairs, pair{key, value})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	return pairs
}

// shownBy says whether labels read from the registry are exactly this set.
func (l labelSet) shownBy(read []wireLabel) bool {
	seen := map[string]bool{}
	for _, label := range read {
		if value, ok := l[label.Key]; !ok || value != label.Value {
			return false
		}
		seen[label.Key] = true
	}
	return len(seen) == len(l)
}

func (l *labels) reload(ctx context.Context, s *registry.Session, mark uint64) error {
	return l.ids.reload(ctx, mark, func() (ids map[fingerprint.Print]int64, err error) {
		_, err = registry.List(ctx, s, pathLabels, nil, func(row *wireLabel) int64 { return row.ID }, registry.Rows[wireLabel]{
			Begin: func() { ids = map[fingerprint.Print]int64{} },
			Row:   func(row *wireLabel) { ids[pair{row.Key, row.Value}.print()] = row.ID }, // of a pair that is there twice, either will do
		})
		return ids, err
	})
}

// send resolves the set to ids and hands them to write, a request that carries them. When the registry answers 400,
// somebody may have deleted a label: the ids are read again, and if they turn out to be others, write runs once more.
func (l *labels) send(ctx context.Context, s *registry.Session, set labelSet, write func(ids []int64) error) error {
	ids, err := l.resolve(ctx, s, set)
	if err != nil {
		return err
	}
	for range maxRounds {
		refusal := write(ids)
		if !registry.IsInvalid(refusal) || !registry.HasStatus(refusal, http.StatusBadRequest) {
			return refusal
		}
		if err := l.reload(ctx, s, l.ids.mark()); err != nil {
			return err
		}
		again, err := l.resolve(ctx, s, set)
		if err != nil {
			return err
		}
		if slices.Equal(again, ids) {
			return refusal // the labels are all there: it is about something else
		}
		ids = again
	}
	return registry.Conflict("POST "+pathLabels, "labels vanish as soon as they are created")
}

// refreshRenamed reads the ids again if an entry, as read, shows other words under an id that stands for one of the set's
// pairs. Somebody has renamed the label then; sending its id once more would change nothing.
func (l *labels) refreshRenamed(ctx context.Context, s *registry.Session, set labelSet, read []wireLabel) error {
	mark := l.ids.mark()
	shown := make(map[int64]pair, len(read))
	for _, label := range read {
		shown[label.ID] = pair{label.Key, label.Value}
	}
	for _, p := range set.pairs() {
		id, known := l.ids.get(p.print())
		if other, there := shown[id]; known && there && other != p {
			return l.reload(ctx, s, mark)
		}
	}
	return nil
}

func (l *labels) resolve(ctx context.Context, s *registry.Session, set labelSet) ([]int64, error) {
	pairs := set.pairs()
	ids := make([]int64, len(pairs))
	for i, p := range pairs {
		id, err := l.id(ctx, s, p)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// id returns the pair's id, creating the label where there is none. The registry's "already exists" tells no id: the list
// does, which may miss the label while it changes, so that both are tried again.
func (l *labels) id(ctx context.Context, s *registry.Session, p pair) (int64, error) {
	for range maxRounds {
		if id, ok := l.ids.get(p.print()); ok {
			return id, nil
		}
		err := l.creating.do(ctx, p, func() error {
			if _, ok := l.ids.get(p.print()); ok {
				return nil
			}
			mark := l.ids.mark()
			var created wireLabel
			err := s.Do(ctx, registry.Request{Method: http.MethodPost, Path: pathLabels, Body: labelCreate{p.key, p.value}}, &created)
			if err == nil {
				l.ids.put(p.print(), created.ID)
				return nil
			}
			if registry.IsConflict(err) {
				return l.reload(ctx, s, mark)
			}
			return registry.About(err, fmt.Sprintf("label %q with value %q", p.key, p.value))
		})
		if err != nil {
			return 0, err
		}
	}
	return 0, registry.Conflict("POST "+pathLabels, fmt.Sprintf("label %q with value %q exists but is not in the list", p.key, p.value))
}
