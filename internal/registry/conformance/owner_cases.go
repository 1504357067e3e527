package conformance

import (
	"odasync/internal/registry/conformance/outsider"
	"odasync/internal/target"
)

// ownerCases are about what other programs and people write.
func ownerCases() []Case {
	return []Case{
		{Name: "other-cluster", Shows: "the entry of another cluster is neither overwritten nor deleted", run: func(s *scenario) {
			otherOwner(s, "other-cluster", s.name+"-other", s.name)
		}},
		{Name: "other-namespace", Shows: "of two namespaces with one name the second gets a name conflict", run: func(s *scenario) {
			otherOwner(s, "other-namespace", s.name, s.name+"-other")
		}},
		{Name: "adopt", Shows: "the entry of an older collector is taken over", run: func(s *scenario) {
			on := s.subject("adopt", "offers", "products")
			s.must(s.outsider.Adoptable(s.ctx, on.key), "create the entry of an older collector")
			s.applied(on)
			s.wantFree(on)
			s.delete(s.writer, on)
		}},
		{Name: "overwritten", Shows: "an overwritten entry is repaired and reported", run: overwritten},
		{Name: "apis-left", Shows: "APIs whose component another program deleted are used again, or deleted", run: apisLeft},
		{Name: "api-deleted", Shows: "an API that another program deleted is created again", run: func(s *scenario) {
			on := s.subject("api-deleted", "offers", "products")
			s.applied(on)
			s.lose(on, outsider.API)
			s.verify(on)
			s.wantEqual(on)
			s.wantFree(on)
		}},
	}
}

// otherOwner lets a component of another cluster or namespace have the name first.
func otherOwner(s *scenario, name, cluster, namespace string) {
	holder := s.of(cluster, namespace, s.subject(name, "offers"))
	s.applied(holder)
	on := s.subject(name, "offers", "products")
	s.wantNameConflict(on)
	s.wantFree(holder)
	s.delete(s.writer, holder)
	s.applied(on)
}

func overwritten(s *scenario) {
	on := s.subject("overwritten", "offers", "products")
	s.applied(on)
	s.must(s.outsider.Overwrite(s.ctx, on.key), "overwrite the entry")
	if result := s.verify(on); result.Overwritten != 1 {
		s.fail("the repair reports %d overwritten documents, want 1", result.Overwritten)
	}
	s.wantEqual(on)
	s.wantFree(on)
}

func apisLeft(s *scenario) {
	on := s.subject("apis-left", "offers", "products")
	s.applied(on)
	s.lose(on, outsider.Component)
	s.verify(on)
	s.wantEqual(on)
	s.wantFree(on)

	s.lose(on, outsider.Component)
	s.reapply(s.other, &subject{key: on.key, want: on.want}) // by a replica without a reference
	s.wantEqual(on)

	s.lose(on, outsider.Component)
	s.delete(s.writer, on)
}

// verify applies the subject as a reconcile does that has just read the inventory and found a difference.
func (s *scenario) verify(on *subject) target.Result {
	s.inventory(s.writer)
	return s.applyAfter(s.writer, on, target.Previous{Ref: on.ref, Verify: true})
}

// lose deletes one document of the kind, as another program.
func (s *scenario) lose(on *subject, of outsider.Kind) {
	for _, d := range s.documents(on.key.Name) {
		if d.Kind == of {
			s.must(s.outsider.Delete(s.ctx, d), "delete the %s", of)
			return
		}
	}
	s.fail("%s has no %s to delete", on.key.Name, of)
}
