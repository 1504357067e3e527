package target_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestState_Tried(t *testing.T) {
	t.Parallel()
	var s target.State
	tried := func(sequence uint64, requests int) {
		before := append([]target.Attempt{}, s.Recent...)
		shared := s.Recent
		s.Tried(time.Now().Add(-1500*time.Millisecond), target.Attempt{Sequence: sequence, Requests: requests})
		if diff := cmp.Diff(before, append([]target.Attempt{}, shared...)); diff != "" {
			t.Errorf("an earlier copy of the state changed:\n%s", diff)
		}
	}
	requests := func() (all []int) {
		for _, a := range s.Recent {
			all = append(all, a.Requests)
		}
		return all
	}
	for n := range 5 {
		tried(7, n+1)
	}
	testcheck.Equal(t, "the first and the last attempts", []int{1, 4, 5}, requests())
	if last := s.Recent[2]; last.Seconds < 1.5 || time.Since(last.Time) < 1500*time.Millisecond {
		t.Errorf("attempt %+v, want its start and duration", last)
	}
	tried(8, 9)
	testcheck.Equal(t, "attempts of a newer event", []int{9}, requests())
}

// TestState_RecentIsSmall bounds what a component costs in the bucket.
func TestState_RecentIsSmall(t *testing.T) {
	t.Parallel()
	var s target.State
	for range 5 {
		s.Tried(time.Now(), target.Attempt{Sequence: 1 << 40, Requests: 1000, Writes: 1000, Class: target.ClassNameConflict, Status: 503, Compared: true})
	}
	text, err := json.Marshal(s.Recent)
	if err != nil || len(text) > 500 {
		t.Errorf("%d bytes, %v: %s", len(text), err, text)
	}
}
