package conformance

import (
	"fmt"

	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/transport"
	"odasync/internal/target"
)

// crashCases break the connection before and after each request of an operation. Another replica then repeats the
// operation, which has to complete it.
func crashCases() []Case {
	return []Case{
		{Name: "crash-create", Shows: "a creation that ends between any two requests is completed, and nothing is doubled", run: func(s *scenario) {
			crash(s, "crash-create", func(*subject) {}, applyOnce, applyInDoubt)
		}},
		{Name: "crash-update", Shows: "an update that ends between any two requests is completed, and nothing is doubled", run: func(s *scenario) {
			crash(s, "crash-update", s.outdate, applyOnce, applyInDoubt)
		}},
		{Name: "crash-delete", Shows: "a deletion that ends between any two requests is completed", run: func(s *scenario) {
			crash(s, "crash-delete", func(on *subject) { s.applied(on) }, deleteOnce, deleteInDoubt)
		}},
	}
}

// outdate applies the subject with other content: an API is to be dropped, one to be changed, one to be created.
func (s *scenario) outdate(on *subject) {
	want := on.want
	old := s.subject(on.key.Name, "dropped", "offers")
	old.want.Metadata.Version = s.own("0.9.0")
	old.want.ExposedAPIs[1].Ready = false
	s.applied(old)
	on.want, on.ref = want, old.ref
}

// maxCrashes is more than the requests of any operation, so that a case ends although each repetition has one more.
const maxCrashes = 60

// crash repeats an operation that breaks at the first, the second, … request until it is shorter than that.
func crash(
	s *scenario, name string, prepare func(*subject),
	operation func(*scenario, adapter.Adapter, *subject) error, complete func(*scenario, *subject),
) {
	p, broken := s.breakable()
	for _, after := range []bool{false, true} {
		for number := 1; ; number++ {
			at := breakage{number, after}
			on := s.subject(fmt.Sprintf("%s-%d-%t", name, number, after), "offers", "products")
			on.want.Metadata.Version = s.own(on.key.Name) // a value that the registry has not seen
			prepare(on)
			p.set(at)
			err := operation(s, broken, on)
			reached := p.hasBroken()
			p.set(breakage{})
			if err != nil && !reached {
				s.fail("%s: %w", name, err)
			}
			complete(s, on)
			if !reached {
				break
			}
			if number == maxCrashes {
				s.fail("the operation takes more than %d requests", maxCrashes)
			}
		}
	}
}

// breakable returns an adapter behind a proxy, which has read what it keeps.
func (s *scenario) breakable() (*proxy, adapter.Adapter) {
	p, err := newProxy(s.cfg.URL, s.transport)
	s.must(err, "start a proxy")
	s.closers = append(s.closers, p.close)
	a := s.adapterWith(func(cfg *registry.Config) { cfg.URL, cfg.Transport = p.url, transport.Config{} })
	warm := s.subject("crash-warm", "offers")
	s.apply(a, warm)
	s.delete(a, warm)
	return p, a
}

// The operations that break. The reference that they return is lost, as in a crash.

func applyOnce(s *scenario, a adapter.Adapter, on *subject) error {
	_, err := a.Apply(s.ctx, on.key, on.want, target.Previous{Ref: on.ref})
	return err
}

func deleteOnce(s *scenario, a adapter.Adapter, on *subject) error {
	_, err := a.Delete(s.ctx, on.key, target.Previous{Ref: on.ref})
	return err
}

// The repetitions of another replica.

func applyInDoubt(s *scenario, on *subject) {
	s.reapply(s.other, on)
	s.wantEqualBy(s.writer, on)
	s.wantWrites("a repeat after the crash", s.reapply(s.other, on), 0)
}

func deleteInDoubt(s *scenario, on *subject) {
	_, err := s.other.Delete(s.ctx, on.key, target.Previous{Ref: on.ref, InDoubt: true})
	s.must(err, "delete %s after the crash", on.key.Name)
	s.wantNothing(on.key.Name)
}
