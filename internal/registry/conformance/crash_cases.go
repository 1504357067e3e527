package conformance

import (
	"fmt"

	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/conformance/outsider"
	"odasync/internal/target"
)

// crashCases break the connection before and after each request of an operation. Another replica then repeats the
// operation, which has to complete it.
func crashCases() []Case {
	cases := []struct {
		name, shows string
		crash
	}{
		{"crash-create", "a creation that ends between any two requests is completed, and nothing is doubled", crash{
			prepare: func(*scenario, *subject, adapter.Adapter) {}, operation: applyOnce, complete: applyInDoubt,
		}},
		{"crash-update", "an update that ends between any two requests is completed, and nothing is doubled", crash{
			prepare: outdated, operation: applyOnce, complete: applyInDoubt,
		}},
		{"crash-move", "a move that ends between any two requests is completed, and nothing is left behind", crash{
			change:  func(cfg *registry.Config) { cfg.NameFormat = registry.FormatNamespaceName },
			prepare: func(s *scenario, on *subject, _ adapter.Adapter) { s.applied(on) }, operation: applyOnce, complete: applyInDoubt,
		}},
		{"crash-repair", "a repair that ends between any two requests is completed, with its links", crash{
			prepare: damaged, operation: verifyOnce, complete: applyInDoubt,
		}},
		{"crash-delete", "a deletion that ends between any two requests is completed", crash{
			prepare: func(s *scenario, on *subject, _ adapter.Adapter) { s.applied(on) }, operation: deleteOnce, complete: deleteInDoubt,
		}},
	}
	all := make([]Case, len(cases))
	for i, c := range cases {
		all[i] = Case{Name: c.name, Shows: c.shows, run: func(s *scenario) { c.run(s, c.name) }}
	}
	return all
}

// crash is an operation that breaks, and what completes it.
type crash struct {
	// change is the configuration of the replicas, if it is not that of the suite.
	change func(*registry.Config)
	// prepare gives the subject the content that it has before the operation by the adapter.
	prepare   func(*scenario, *subject, adapter.Adapter)
	operation func(*scenario, *subject, adapter.Adapter) error
	// complete repeats the operation with one replica, and checks it with another one.
	complete func(s *scenario, on *subject, by, check adapter.Adapter)
}

// maxCrashes is more than the requests of any operation.
const maxCrashes = 60

// run repeats the operation while it breaks at the first, the second, … request, until it has fewer.
func (c crash) run(s *scenario, name string) {
	change := c.change
	by, check := s.other, s.writer
	if change == nil {
		change = func(*registry.Config) {}
	} else {
		by, check = s.adapterWith(change), s.adapterWith(change)
	}
	p, broken := s.breakable(change)
	for _, after := range []bool{false, true} {
		for number := 1; c.runOnce(s, name, breakage{number, after}, p, broken, by, check); number++ {
			if number == maxCrashes {
				s.fail("the operation takes more than %d requests", maxCrashes)
			}
		}
	}
}

// runOnce reports whether the operation had as many requests as it takes to break.
func (c crash) runOnce(s *scenario, name string, at breakage, p *proxy, broken, by, check adapter.Adapter) bool {
	on := s.subject(fmt.Sprintf("%s-%d-%t", name, at.number, at.after), "offers", "products")
	on.want.Metadata.Version = s.own(on.key.Name) // a value that the registry has not seen
	c.prepare(s, on, broken)
	p.set(at)
	err := c.operation(s, on, broken)
	reached := p.hasBroken()
	p.set(breakage{})
	if err != nil && !reached {
		s.fail("%s: %w", name, err)
	}
	for _, name := range namesOf(on) {
		if components, apis := s.count(name); components == 0 && apis > 0 {
			s.fail("%s, which broke %s, leaves %d APIs without their component", on.key.Name, at, apis)
		}
	}
	c.complete(s, on, by, check)
	return reached
}

// breakable returns an adapter behind a proxy, which has read what it keeps.
func (s *scenario) breakable(change func(*registry.Config)) (*proxy, adapter.Adapter) {
	p, err := newProxy(s.cfg, s.transport)
	s.must(err, "start a proxy")
	s.closers = append(s.closers, p.close)
	a := s.adapterWith(func(cfg *registry.Config) {
		change(cfg)
		*cfg = p.before(*cfg)
	})
	warm := s.subject("crash-warm", "offers")
	s.apply(a, warm)
	s.delete(a, warm)
	return p, a
}

// outdated applies the subject with other content: an API is to be dropped, one to be changed, one to be created.
func outdated(s *scenario, on *subject, _ adapter.Adapter) {
	old := s.subject(on.key.Name, "dropped", "offers")
	old.want.Metadata.Version = s.own("0.9.0")
	old.want.ExposedAPIs[1].Ready = false
	s.applied(old)
	on.ref = old.ref
}

// damaged applies the subject, after which another program replaces its component.
func damaged(s *scenario, on *subject, a adapter.Adapter) {
	s.applied(on)
	s.lose(on, outsider.Component)
	s.must(s.outsider.Adoptable(s.ctx, on.key), "create the component again")
	s.inventory(a)
}

// The operations that break. The reference that they return is lost, as in a crash.

func applyOnce(s *scenario, on *subject, a adapter.Adapter) error {
	_, err := a.Apply(s.ctx, on.key, on.want, target.Previous{Ref: on.ref})
	return err
}

func verifyOnce(s *scenario, on *subject, a adapter.Adapter) error {
	_, err := a.Apply(s.ctx, on.key, on.want, target.Previous{Ref: on.ref, Verify: true})
	return err
}

func deleteOnce(s *scenario, on *subject, a adapter.Adapter) error {
	_, err := a.Delete(s.ctx, on.key, target.Previous{Ref: on.ref})
	return err
}

// The repetitions of another replica.

func applyInDoubt(s *scenario, on *subject, by, check adapter.Adapter) {
	s.reapply(by, on)
	s.wantEqualBy(check, on)
	s.wantWrites("a repeat after the crash", s.reapply(by, on), 0)
	for _, name := range namesOf(on) {
		if name != by.Place(on.key).Name {
			s.wantNothing(name)
		}
	}
}

func deleteInDoubt(s *scenario, on *subject, by, _ adapter.Adapter) {
	_, err := by.Delete(s.ctx, on.key, target.Previous{Ref: on.ref, InDoubt: true})
	s.must(err, "delete %s after the crash", on.key.Name)
	s.wantNothing(on.key.Name)
}
