package manifests_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (f *fixture) waitRounds(t *testing.T, want int) {
	t.Helper()
	until(t, func() bool {
		_, _, ended := f.now()
		return ended >= want
	}, func() string { return fmt.Sprintf("round %d has not ended; State: %v", want, f.source.State()) })
}

// A round that was asked for shows everything once more, and deletes nothing that is there.
func TestAnotherRoundIsReadWhenAskedFor(t *testing.T) {
	t.Parallel()
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1")})
	f.waitRound(t)
	for round := 2; round <= 3; round++ {
		f.mu.Lock()
		clear(f.state) // as of somebody who has forgotten everything
		f.mu.Unlock()
		f.source.Refresh()
		f.waitRounds(t, round)
		state, _, ended := f.now()
		if diff := cmp.Diff(map[string]string{"default/a": "1", "default/b": "1"}, state); diff != "" || ended != round {
			t.Errorf("%d rounds, state (-want +got):\n%s", ended, diff)
		}
	}
	f.noneAbsent(t)
	f.write(t, map[string]string{"a.yaml": manifest("a", "2")})
	f.wait(t, map[string]string{"default/a": "2", "default/b": "1"})
	if err := f.source.State(); err != nil {
		t.Error(err)
	}
}

// What cannot be read keeps what it gave, also in a round that was asked for.
func TestARoundThatIsAskedForKeepsWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := start(t, map[string]string{"a.yaml": manifest("a", "1"), "b.yaml": manifest("b", "1")})
	f.waitRound(t)
	f.write(t, map[string]string{"a.yaml": "\tno: yaml"})
	f.waitLog(t, "manifest cannot be read", "a.yaml")
	f.source.Refresh()
	f.waitRounds(t, 2)
	f.wait(t, map[string]string{"default/a": "1", "default/b": "1"})
	f.noneAbsent(t)
}
