package cli_test

import (
	"fmt"
	"testing"

	"odasync/internal/refregistry"
)

// TestReplayRate prints how fast a registry is rebuilt from the stream, and bounds what that costs in requests.
func TestReplayRate(t *testing.T) {
	p := newPipeline(t)
	const components, gone = 1000, 100
	for n := range components {
		name := fmt.Sprintf("c-%04d", n)
		first := p.next(t, of("shop", name), content("shop", name, "1"))
		if n < gone {
			p.next(t, first.Key, nil)
		}
	}
	built, url := another(t, refregistry.Config{})
	replay, _ := replayed(t, 0, "--all", "--to", url)
	requests := 0
	for _, count := range built.Requests() {
		requests += count
	}
	t.Logf("rebuilt %d components (%d deletions) at %.0f/s with %d requests", components, gone, replay.Rate, requests)
	built.ResetRequests()
	replay, _ = replayed(t, 0, "--all", "--to", url)
	again := 0
	for _, count := range built.Requests() {
		again += count
	}
	t.Logf("compared them again at %.0f/s with %d requests: %v", replay.Rate, again, built.Requests())
	if limit := 6 * components; requests > limit { // a component, its two APIs, its version's labels, and a look at its APIs
		t.Errorf("%d requests, want at most %d", requests, limit)
	}
	if limit := 2*components + 100; again > limit {
		t.Errorf("%d requests for what is right, want at most %d", again, limit)
	}
	if replay.Writes != 0 {
		t.Errorf("the repeat wrote %d times", replay.Writes)
	}
}
