package replay_test

import (
	"os"
	"strings"
	"testing"

	"odasync/internal/replay"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

func TestJournal_Resume(t *testing.T) {
	h := newHarness(t)
	const components = 100
	h.fill(t, components)
	h.slow()
	choice, o := replay.Choice{All: true}, options{concurrency: 2}
	first := h.interrupted(t, choice, o, func() bool { return h.created() > components/4 })
	if files := h.journals(t); len(files) != 1 {
		t.Fatalf("the journals are %q", files)
	}
	h.expectDone(t, choice, first.Applied, components)

	// What changes meanwhile is applied in its newest state.
	h.publish(t, "shop", "c-000", "2")
	o.resume = true
	second := h.replayed(t, choice, o)
	if want := components - first.Applied + 1; second.Applied != want || !second.Complete {
		t.Errorf("applied %d and then %d, want %d", first.Applied, second.Applied, want)
	}
	testcheck.Equal(t, "components created, each once", components*9/10, h.created())
	testcheck.Equal(t, "the changed component", "c-000 2", h.entries()[0])
	h.expectNoJournals(t)
	if _, err := h.run(t.Context(), t, choice, o); err == nil || !strings.Contains(err.Error(), "nothing to resume") || !strings.Contains(err.Error(), "leave out --resume") {
		t.Errorf("a completed replay is resumed: %v", err)
	}
	h.expectNoJournals(t)
}

// expectDone compares the plan of a resumed replay.
func (h *harness) expectDone(t *testing.T, choice replay.Choice, done, events int) {
	t.Helper()
	r, _ := h.replay(t, choice, options{})
	journal, err := r.ReadJournal(h.dir, true)
	testcheck.NoError(t, err)
	plan, err := r.Plan(t.Context(), journal)
	testcheck.NoError(t, err)
	if plan.Done != done || plan.Events != events {
		t.Errorf("planned %d of %d, want %d of %d", plan.Done, plan.Events, done, events)
	}
}

func TestJournal_Restart(t *testing.T) {
	h := newHarness(t)
	const components = 60
	h.fill(t, components)
	h.slow()
	choice, o := replay.Choice{All: true}, options{concurrency: 2}
	first := h.interrupted(t, choice, o, func() bool { return h.created() > components/4 })

	// A torn line is ignored, whatever it says.
	file := h.journals(t)[0]
	content := testcheck.Must(os.ReadFile(file))
	writeFile(t, file, string(content)+"9999 default.shop.c-059")
	h.expectDone(t, choice, first.Applied, components)

	r, _ := h.replay(t, choice, o)
	journal, err := r.OpenJournal(h.dir, false)
	testcheck.NoError(t, err)
	if !journal.Restarted() {
		t.Error("the earlier run is not reported")
	}
	journal.Close()
	second := h.replayed(t, choice, o)
	if second.Applied != components || second.Unchanged < first.Changed || second.Plan.Done != 0 {
		t.Errorf("restarted: %+v after %+v", second, first)
	}
	testcheck.Equal(t, "components created, each once", components*9/10, h.created())
}

func TestJournal_OneProcess(t *testing.T) {
	h := newHarness(t)
	r, _ := h.replay(t, replay.Choice{All: true}, options{})
	first, err := r.OpenJournal(h.dir, false)
	testcheck.NoError(t, err)
	if _, err := r.OpenJournal(h.dir, false); err == nil || !strings.Contains(err.Error(), "another process runs `ctl replay`") {
		t.Errorf("the journal was opened twice: %v", err)
	}
	first.Close()
	testwait.NoError(t, "open the journal again", func() error {
		second, err := r.OpenJournal(h.dir, false)
		if err == nil {
			second.Close()
		}
		return err
	})
	h.expectNoJournals(t)
}
