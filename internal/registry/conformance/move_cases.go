package conformance

import (
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
)

// moveCases are about entries that get another name or place.
func moveCases() []Case {
	return []Case{
		{Name: "rename", Shows: "a renamed component replaces the old one", run: func(s *scenario) {
			old, renamed := s.subject("rename-before", "offers", "products"), s.subject("rename-after", "offers", "products")
			s.applied(old)
			s.applied(renamed)
			s.delete(s.writer, old)
			s.wantEqual(renamed)
			s.wantFree(renamed)
		}},
		{Name: "move-name-format", Shows: "another COMPONENT_NAME_FORMAT moves an entry", run: func(s *scenario) {
			move(s, s.subject("move-name-format", "offers", "products"), func(cfg *registry.Config) { cfg.NameFormat = registry.FormatNamespaceName })
		}},
		{Name: "move-place", Shows: "another registry name or id prefix moves an entry", run: func(s *scenario) {
			move(s, s.subject("move-place", "offers", "products"), func(cfg *registry.Config) { cfg.Name, cfg.IDPrefix = s.name+"-moved", s.name+"-moved" })
		}},
	}
}

// move applies the subject, moves it with another configuration, and moves it back.
func move(s *scenario, on *subject, change func(*registry.Config)) {
	moved, check := s.adapterWith(change), s.adapterWith(change)
	s.applied(on)
	for _, to := range []struct{ writer, check, from adapter.Adapter }{{moved, check, s.writer}, {s.writer, s.other, moved}} {
		s.apply(to.writer, on)
		s.wantEqualBy(to.check, on)
		if left := to.from.Place(on.key).Name; left != to.writer.Place(on.key).Name {
			s.wantNothing(left)
		}
		s.wantWrites("a repeat after the move", s.apply(to.writer, on), 0)
	}
}
