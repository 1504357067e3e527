package conformance

import (
	"fmt"
	"sync"

	"odasync/internal/registry/adapter"
	"odasync/internal/target"
)

// concurrencyCases run two replicas at once. Claims prevent that for one component, except while one is lost.
func concurrencyCases() []Case {
	return []Case{
		{Name: "concurrent-creators", Shows: "two replicas that create one component at once leave one, after a repeat", run: concurrentCreators},
		{Name: "concurrent-names", Shows: "of two components that want one name at once, one gets it and the other a name conflict", run: concurrentNames},
	}
}

// rounds is how often a race is run.
const rounds = 5

func concurrentCreators(s *scenario) {
	for round := range rounds {
		on := s.subject(fmt.Sprintf("concurrent-creators-%d", round), "offers", "products")
		s.atOnce(on, on)
		s.reapply(s.other, on)
		s.wantEqualBy(s.writer, on)
		s.wantWrites("a repeat after the race", s.reapply(s.writer, on), 0)
	}
}

func concurrentNames(s *scenario) {
	for round := range rounds {
		name := fmt.Sprintf("concurrent-names-%d", round)
		first, second := s.subject(name, "offers", "products"), s.of(s.name, s.name+"-other", s.subject(name, "offers", "products"))
		s.atOnce(first, second)
		firstResult, firstErr := s.writer.Apply(s.ctx, first.key, first.want, target.Previous{InDoubt: true})
		secondResult, secondErr := s.other.Apply(s.ctx, second.key, second.want, target.Previous{InDoubt: true})
		first.ref, second.ref = firstResult.Ref, secondResult.Ref
		winner, refused := first, secondErr
		if firstErr != nil {
			s.must(secondErr, "both components are refused: %v, and", firstErr)
			winner, refused = second, firstErr
		}
		s.wantClass(refused, target.ClassNameConflict)
		s.wantEqual(winner)
		s.wantFree(winner)
	}
}

// atOnce applies both at the same time, each by one replica. How it ends does not matter: both are repeated.
func (s *scenario) atOnce(first, second *subject) {
	var group sync.WaitGroup
	for on, by := range map[*subject]adapter.Adapter{first: s.writer, second: s.other} {
		group.Go(func() { _, _ = by.Apply(s.ctx, on.key, on.want, target.Previous{}) })
	}
	group.Wait()
}
