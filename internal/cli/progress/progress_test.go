package progress

import (
	"strings"
	"testing"
	"time"
)

// clock is a time that the test moves.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func TestProgress_Terminal(t *testing.T) {
	var out strings.Builder
	c := &clock{now: time.Unix(0, 0)}
	p := start(&out, true, func() time.Time { return c.now })
	p.Step(10, 40) // done before
	c.pass(5 * time.Second)
	p.Step(20, 40)
	p.End()
	p.End()
	want := "\r[=======                       ] 10/40" + strings.Repeat(" ", 30) + "\r[===============               ] 20/40, 2.0/s, 10s left" + strings.Repeat(" ", 13) + "\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestProgress_Elsewhere(t *testing.T) {
	var out strings.Builder
	c := &clock{now: time.Unix(0, 0)}
	p := start(&out, false, func() time.Time { return c.now })
	for done := range 60 {
		p.Step(done, 60)
		c.pass(500 * time.Millisecond)
	}
	p.End()
	want := "20 of 60, 2.0/s, 20s left\n40 of 60, 2.0/s, 10s left\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestProgress_Count(t *testing.T) {
	var out strings.Builder
	c := &clock{now: time.Unix(0, 0)}
	p := start(&out, false, func() time.Time { return c.now })
	p.Count(0, "written")
	c.pass(10 * time.Second)
	p.Count(25, "written")
	c.pass(9 * time.Second)
	p.Count(30, "written")
	if got, want := out.String(), "25 written, 2.5/s, 10s so far\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgress_OneStep(t *testing.T) {
	var out strings.Builder
	p := start(&out, true, time.Now)
	p.Step(0, 1)
	p.Step(1, 1)
	p.End()
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

func TestRate(t *testing.T) {
	for _, test := range []struct {
		done, total int
		took        time.Duration
		want        string
	}{
		{0, 100, time.Second, ""},
		{5, 100, 0, ""},
		{50, 200, 10 * time.Second, ", 5.0/s, 30s left"},
		{200, 200, 10 * time.Second, ", 20.0/s, 0s left"},
	} {
		if got := Rate(test.done, test.total, test.took); got != test.want {
			t.Errorf("%d of %d in %s: %q, want %q", test.done, test.total, test.took, got, test.want)
		}
	}
}
