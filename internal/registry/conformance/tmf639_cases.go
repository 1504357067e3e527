package conformance

import (
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/conformance/outsider"
)

// tmf639Cases are about links between documents, and documents of any kind.
func tmf639Cases() []Case {
	return []Case{
		{Name: "stub", Shows: "a Component that the registry made for the link of another program is filled", api: registry.APITMF639, run: stub},
		{Name: "foreign-document", Shows: "a document of another kind under a component's id is neither overwritten nor deleted", api: registry.APITMF639, run: foreignDocument},
		{Name: "links-broken", Shows: "links that another program broke are repaired", api: registry.APITMF639, run: linksBroken},
		{
			Name: "crash-relink", Shows: "the repair of a link that ends between any two requests is completed", api: registry.APITMF639,
			run: func(s *scenario) {
				crash{prepare: relinked, operation: verifyOnce, complete: applyInDoubt}.run(s, "crash-relink")
			},
		},
	}
}

// tmf639 returns the outsider of a case for this API alone.
func (s *scenario) tmf639() *outsider.TMF639 { return s.outsider.(*outsider.TMF639) }

func stub(s *scenario) {
	on, early := s.subject("stub", "offers"), s.subject("early")
	s.must(s.tmf639().Post(s.ctx, s.tmf639().Linked(s.tmf639().ComponentID(early.key.Name), on.key.Name)), "write an API before its Component")
	s.applied(on)
	s.wantFree(on)
	s.wantCount(early.key.Name, 1, 0)
	s.delete(s.writer, on)
}

func foreignDocument(s *scenario) {
	on := s.subject("foreign-document", "offers", "products")
	s.must(s.tmf639().Post(s.ctx, s.tmf639().Collected(on.key, "Printer")), "write a document of another kind")
	s.wantNameConflict(on)
}

// linksBroken deletes a Component, which leaves its APIs linked to nothing. Neither a new Component of the same id nor an
// update of an API repairs a link.
func linksBroken(s *scenario) {
	on := s.subject("links-broken", "offers", "products")
	s.applied(on)
	s.lose(on, outsider.Component)
	s.must(s.outsider.Adoptable(s.ctx, on.key), "create the Component again")
	s.verify(on)
	s.wantEqual(on)
	s.wantFree(on)
}

// relinked applies the subject, after which another program replaces an API by one that is linked to another Component.
func relinked(s *scenario, on *subject, a adapter.Adapter) {
	s.applied(on)
	api := s.documents(on.key.Name)[0]
	s.must(s.outsider.Delete(s.ctx, api), "delete an API")
	s.must(s.tmf639().Post(s.ctx, s.tmf639().Linked(api.ID, s.subject("elsewhere").key.Name)), "create the API with another link")
	s.inventory(a)
}
