package conformance

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/conformance/outsider"
	"odasync/internal/target"
)

// inventoryCases are about reading the registry as a whole.
func inventoryCases() []Case {
	return []Case{
		{Name: "inventory", Shows: "the inventory has exactly what was written, with the digests of the applies", run: func(s *scenario) {
			s.wantInventory(s.subject("inventory-0"), s.subject("inventory-1", "offers"), s.subject("inventory-2", "offers", "products"))
		}},
		{Name: "inventory-edited", Shows: "what other programs change is seen in the inventory", run: inventoryEdited},
		{Name: "orphans", Shows: "entries that should not exist are seen, and only those", run: orphans},
		{Name: "pages", Shows: "entries beyond the largest page are found and not created again", large: true, run: pages},
	}
}

// inventory reads the suite's entries.
func (s *scenario) inventory(a adapter.Adapter) map[component.Key]target.Ref {
	found := map[component.Key]target.Ref{}
	err := a.Inventory(s.ctx, s.name, func(e target.Entry) { found[e.Key] = e.Ref })
	s.must(err, "read the inventory")
	return found
}

// wantInventory applies the subjects and requires that they are the inventory.
func (s *scenario) wantInventory(subjects ...*subject) {
	for _, on := range subjects {
		s.applied(on)
	}
	found := s.inventory(s.other)
	for _, on := range subjects {
		ref, exists := found[on.key]
		switch {
		case !exists:
			s.fail("the inventory lacks %s", on.key.Name)
		case ref.Digest != on.ref.Digest || ref.Digest == "":
			s.fail("the inventory has the digest %q for %s, the apply recorded %q", ref.Digest, on.key.Name, on.ref.Digest)
		case ref.ID != on.ref.ID:
			s.fail("the inventory has the id %q for %s, the apply recorded %q", ref.ID, on.key.Name, on.ref.ID)
		}
	}
	if len(found) != len(subjects) {
		s.fail("the inventory has %d entries, want %d", len(found), len(subjects))
	}
}

func inventoryEdited(s *scenario) {
	edited, lost, left := s.subject("edited", "offers"), s.subject("lost", "offers", "products"), s.subject("left", "offers")
	s.wantInventory(edited, lost, left)
	s.must(s.outsider.Overwrite(s.ctx, edited.key), "overwrite an entry")
	s.lose(lost, outsider.API)
	s.lose(left, outsider.Component)
	found := s.inventory(s.other)
	if ref, exists := found[edited.key]; exists && ref.Digest == edited.ref.Digest {
		s.fail("the inventory does not show that %s is overwritten", edited.key.Name)
	}
	if found[lost.key].Digest == lost.ref.Digest {
		s.fail("the inventory does not show that %s lacks an API", lost.key.Name)
	}
	if ref, exists := found[left.key]; !exists || ref.ID != "" {
		s.fail("the inventory has the id %q for %s, of which only an API is left", ref.ID, left.key.Name)
	}
	for _, on := range []*subject{edited, lost, left} {
		s.verify(on)
	}
	s.wantInventory(edited, lost, left)
}

func orphans(s *scenario) {
	desired, orphan := s.subject("desired", "offers"), s.subject("orphan", "offers")
	foreign := s.of(s.name+"-other", s.name, s.subject("of-another-cluster", "offers"))
	for _, on := range []*subject{desired, orphan, foreign} {
		s.applied(on)
	}
	actual, err := s.other.Actual(s.ctx)
	s.must(err, "read the registry")
	found := actual.Orphans(s.name, func(key component.Key) bool { return key == desired.key })
	if want := (registry.Orphan{Key: orphan.key, Entry: s.writer.Place(orphan.key).Name}); len(found) != 1 || found[0] != want {
		s.fail("the orphans are %v, want %v", found, want)
	}
}

// pages writes more entries than a page has.
func pages(s *scenario) {
	all := make([]*subject, s.outsider.Limits().Page+10)
	for i := range all {
		all[i] = s.subject(fmt.Sprintf("pages-%d", i), "offers")
	}
	var writers errgroup.Group
	writers.SetLimit(min(s.writer.Connections(), 2))
	for _, on := range all {
		writers.Go(func() error {
			if err := s.interrupted(); err != nil {
				return err
			}
			result, err := s.writer.Apply(s.ctx, on.key, on.want, target.Previous{})
			on.ref = result.Ref
			return err
		})
	}
	s.must(writers.Wait(), "write %d entries", len(all))
	found := s.inventory(s.other)
	for _, on := range all {
		if found[on.key].Digest != on.ref.Digest {
			s.fail("the inventory lacks %s", on.key.Name)
		}
	}
	if len(found) != len(all) {
		s.fail("the inventory has %d entries, want %d", len(found), len(all))
	}
	fresh := s.adapterWith(func(*registry.Config) {})
	last := all[len(all)-1]
	s.wantWrites("a repeat by a new replica", s.reapply(fresh, &subject{key: last.key, want: last.want}), 0)
}
