package conformance

import (
	"context"
	"fmt"
	"strings"

	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/conformance/outsider"
	"odasync/internal/target"
)

// scenario is a case that runs. Its methods end the case at the first expectation that does not hold, as those of a
// [testing.T] end a test.
type scenario struct {
	*Suite
	ctx      context.Context
	subjects []*subject
	// interrupted returns an error once the case has to end before its next step; ctx ends later.
	interrupted func() error
}

// unmet ends a case.
type unmet struct{ error }

// run runs a case and removes what it leaves, so that the next one finds nothing of its subjects.
func (s *scenario) run(c Case) (err error) {
	defer func() {
		if s.interrupted() != nil {
			return // Close deletes everything
		}
		if cleared := s.clear(c); err == nil {
			err = cleared
		}
	}()
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case unmet:
			err = ended.error
		default:
			panic(ended)
		}
	}()
	c.run(s)
	return nil
}

// clear deletes everything of the case: after a large one all there is, since to look for each entry would take longer.
func (s *scenario) clear(c Case) error {
	if c.large {
		return s.deleteAll(s.ctx)
	}
	for _, name := range namesOf(s.subjects...) {
		found, err := s.outsider.Documents(s.ctx, name)
		if err == nil {
			err = s.deleteEach(s.ctx, found)
		}
		if err != nil {
			return fmt.Errorf("delete %s after the case: %w", name, err)
		}
	}
	return nil
}

// fail ends the case.
func (s *scenario) fail(format string, args ...any) { panic(unmet{fmt.Errorf(format, args...)}) }

// must ends the case with an error.
func (s *scenario) must(err error, format string, args ...any) {
	if err != nil {
		s.fail("%s: %w", fmt.Sprintf(format, args...), err)
	}
}

// adapterWith opens an adapter with another configuration.
func (s *scenario) adapterWith(change func(*registry.Config)) adapter.Adapter {
	cfg := s.cfg
	change(&cfg)
	a, err := s.adapter(s.ctx, cfg)
	s.must(err, "open an adapter")
	return a
}

// apply applies the subject, and keeps the reference as the sync state does.
func (s *scenario) apply(a adapter.Adapter, on *subject) target.Result {
	return s.applyAfter(a, on, target.Previous{Ref: on.ref})
}

// reapply applies the subject as after an attempt whose outcome is unknown.
func (s *scenario) reapply(a adapter.Adapter, on *subject) target.Result {
	return s.applyAfter(a, on, target.Previous{Ref: on.ref, InDoubt: true})
}

func (s *scenario) applyAfter(a adapter.Adapter, on *subject, previous target.Previous) target.Result {
	s.must(s.interrupted(), "apply %s", on.key.Name)
	result, err := a.Apply(s.ctx, on.key, on.want, previous)
	s.must(err, "apply %s", on.key.Name)
	on.ref = result.Ref
	return result
}

// applied applies the subject and requires that the registry has exactly that.
func (s *scenario) applied(on *subject) target.Result {
	result := s.apply(s.writer, on)
	s.wantEqual(on)
	return result
}

// delete deletes the subject's entry and requires that nothing is left.
func (s *scenario) delete(a adapter.Adapter, on *subject) target.Result {
	result, err := a.Delete(s.ctx, on.key, target.Previous{Ref: on.ref})
	s.must(err, "delete %s", on.key.Name)
	on.ref = target.Ref{}
	s.wantNothing(on.key.Name)
	return result
}

// wantWrites requires the number of requests that changed something.
func (s *scenario) wantWrites(what string, result target.Result, want int) {
	if result.Writes != want {
		s.fail("%s takes %d writes, want %d", what, result.Writes, want)
	}
}

// wantFree requires that a repeat writes nothing, both where the content is known and where it has to be read.
func (s *scenario) wantFree(on *subject) {
	before := s.documents(on.key.Name)
	s.wantWrites("a repeat by the same replica", s.apply(s.writer, on), 0)
	s.wantWrites("a repeat in doubt by another replica", s.reapply(s.other, on), 0)
	s.wantUnchanged(on.key.Name, before)
}

// wantEqual requires that the registry has the subject's content and nothing more under its name.
func (s *scenario) wantEqual(on *subject) { s.wantEqualBy(s.other, on) }

// wantEqualBy is wantEqual with an adapter whose configuration gives the subject's entry another place.
func (s *scenario) wantEqualBy(a adapter.Adapter, on *subject) {
	actual, err := a.ActualOf(s.ctx, on.key, target.Ref{})
	s.must(err, "read %s", on.key.Name)
	presence, differences := actual.Compare(on.key, on.want)
	switch {
	case presence == registry.Missing:
		s.fail("%s is missing", on.key.Name)
	case presence == registry.TakenByOther:
		s.fail("%s belongs to another owner", on.key.Name)
	case len(differences) > 0:
		first := differences[0]
		s.fail("%s has %d differences, among them %s: %q, want %q", on.key.Name, len(differences), first.Field, first.Actual, first.Want)
	}
	s.wantCount(a.Place(on.key).Name, 1, len(on.want.ExposedAPIs))
}

// wantNothing requires that the registry has nothing under an entry's name.
func (s *scenario) wantNothing(name string) { s.wantCount(name, 0, 0) }

// wantCount requires the numbers of documents under an entry's name.
func (s *scenario) wantCount(name string, components, apis int) {
	if foundComponents, foundAPIs := s.count(name); foundComponents != components || foundAPIs != apis {
		s.fail("the registry has %d components and %d APIs under %s, want %d and %d", foundComponents, foundAPIs, name, components, apis)
	}
}

// count returns the numbers of documents under an entry's name.
func (s *scenario) count(name string) (components, apis int) {
	for _, d := range s.documents(name) {
		if d.Kind == outsider.Component {
			components++
		} else {
			apis++
		}
	}
	return components, apis
}

// wantUnchanged requires that nothing under an entry's name has changed.
func (s *scenario) wantUnchanged(name string, before []outsider.Document) {
	after := s.documents(name)
	if len(after) != len(before) {
		s.fail("%s has %d documents, had %d", name, len(after), len(before))
	}
	for i, d := range after {
		if d != before[i] {
			s.fail("%s has changed from %s to %s", name, before[i].Body, d.Body)
		}
	}
}

// wantNameConflict requires that neither an apply nor a delete touches what another owner has under the subject's name.
func (s *scenario) wantNameConflict(on *subject) {
	before := s.documents(on.key.Name)
	for _, previous := range []target.Previous{{}, {InDoubt: true}} {
		_, err := s.writer.Apply(s.ctx, on.key, on.want, previous)
		s.wantClass(err, target.ClassNameConflict)
		_, err = s.writer.Delete(s.ctx, on.key, previous)
		s.must(err, "delete %s, which belongs to another owner", on.key.Name)
	}
	s.wantUnchanged(on.key.Name, before)
}

func (s *scenario) wantClass(err error, want target.Class) {
	if target.ClassOf(err) != want {
		s.fail("the apply ends with %q, want a failure of class %s", errorText(err), want)
	}
}

func errorText(err error) string {
	if err == nil {
		return "success"
	}
	return strings.TrimSpace(err.Error())
}

// documents reads what exists under an entry's name.
func (s *scenario) documents(name string) []outsider.Document {
	s.must(s.interrupted(), "read %s", name)
	found, err := s.outsider.Documents(s.ctx, name)
	s.must(err, "read %s as another program", name)
	return found
}
