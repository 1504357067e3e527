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

// labelSet has one value a key. The registry accepts several, of which none could be said to be valid.
type labelSet map[string]string

// set adds a label. The registry accepts no empty key or value.
func (l labelSet) set(key, value string) {
	if key != "" && value != "" {
		l[key] = value
	}
}

// matches reports whether labels read from the registry are exactly this set.
func (l labelSet) matches(read []wireLabel) bool {
	seen := map[string]bool{}
	for _, label := range read {
		if value, ok := l[label.Key]; !ok || value != label.Value {
			return false
		}
		seen[label.Key] = true
	}
	return len(seen) == len(l)
}

// pair is a label's content, which has one id in the registry.
type pair struct{ key, value string }

func (p pair) print() fingerprint.Print { return fingerprint.Of(p) }

// pairs returns the set's pairs in a fixed order.
func (l labelSet) pairs() []pair {
	pairs := make([]pair, 0, len(l))
	for key, value := range l {
		pairs = append(pairs, pair{key, value})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })
	return pairs
}

// sendLabels passes the ids of the set to write, a request that carries them. It creates labels that are missing. It never
// deletes one: other entries may use it, and the registry does not check.
//
// When the registry answers 400, a label may have been deleted: the ids are read again, and if they have changed, write
// runs once more.
func (c *content) sendLabels(ctx context.Context, s *registry.Session, set labelSet, write func(ids []int64) error) error {
	ids, err := c.labelIDs(ctx, s, set)
	if err != nil {
		return err
	}
	for range maxAttempts {
		rejection := write(ids)
		if !registry.IsInvalid(rejection) || !registry.HasStatus(rejection, http.StatusBadRequest) {
			return rejection
		}
		if err := c.refreshLabels(ctx, s, c.clock.Load()); err != nil {
			return err
		}
		current, err := c.labelIDs(ctx, s, set)
		if err != nil {
			return err
		}
		if slices.Equal(current, ids) {
			return rejection // all labels exist: it has another reason
		}
		ids = current
	}
	return registry.Conflict("POST "+pathLabels, "labels vanish as soon as they are created")
}

// refreshRenamed reads the ids again if an entry, as read, has other content under the id of one of the set's pairs. The
// label was renamed then, and sending its id once more would change nothing.
func (c *content) refreshRenamed(ctx context.Context, s *registry.Session, set labelSet, read []wireLabel) error {
	began := c.clock.Load()
	actual := make(map[int64]pair, len(read))
	for _, label := range read {
		actual[label.ID] = pair{label.Key, label.Value}
	}
	for _, p := range set.pairs() {
		id, known := c.labels.Get(p.print())
		if other, used := actual[id]; known && used && other != p {
			return c.refreshLabels(ctx, s, began)
		}
	}
	return nil
}

func (c *content) labelIDs(ctx context.Context, s *registry.Session, set labelSet) ([]int64, error) {
	pairs := set.pairs()
	ids := make([]int64, len(pairs))
	for i, p := range pairs {
		id, err := c.labelID(ctx, s, p)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// labelID returns the pair's id, and creates the label where there is none. The registry's "already exists" carries no id,
// so the list is read. The list may miss the label while it changes, so both are tried again.
func (c *content) labelID(ctx context.Context, s *registry.Session, p pair) (int64, error) {
	for range maxAttempts {
		if id, ok := c.labels.Get(p.print()); ok {
			return id, nil
		}
		err := c.flights.Do(ctx, fmt.Sprintf("label %q=%q", p.key, p.value), func() error {
			if _, ok := c.labels.Get(p.print()); ok {
				return nil
			}
			began := c.clock.Load()
			var created wireLabel
			err := s.Do(ctx, post(pathLabels, labelCreate{p.key, p.value}), &created)
			if err == nil {
				c.labels.Put(p.print(), created.ID)
				return nil
			}
			if registry.IsConflict(err) {
				return c.refreshLabels(ctx, s, began)
			}
			return registry.About(err, fmt.Sprintf("label %q with value %q", p.key, p.value))
		})
		if err != nil {
			return 0, err
		}
	}
	return 0, registry.Conflict("POST "+pathLabels, fmt.Sprintf("label %q with value %q exists but is not in the list", p.key, p.value))
}
