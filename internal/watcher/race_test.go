package watcher

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// Observe asks whether a key is idle and then reads its entry, while workers change entries and become idle. Each
// goroutine is the source of one scope and toggles between few contents, so that most sights meet a publish. Another
// asks for verification all the time, which publishes too.
func TestObserveBesidePublish(t *testing.T) {
	t.Parallel()
	const scopes, names, sights = 4, 3, 400
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	b, l := newTerm(t)
	l.resync(scope(t, "all"))
	want := make(map[string]string)
	var mu sync.Mutex
	var sources sync.WaitGroup
	for s := range scopes {
		sources.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(s)))
			last := make(map[string]string)
			for range sights {
				name := fmt.Sprintf("s%d-n%d", s, random.IntN(names))
				content := fmt.Sprint(random.IntN(2))
				if err := l.to.Observe(l.ctx, 0, seen(name, content)); err != nil {
					t.Error(err)
				}
				last[name] = content
			}
			mu.Lock()
			defer mu.Unlock()
			for name, content := range last {
				want[name] = content
			}
		})
	}
	done := make(chan struct{})
	var verifier sync.WaitGroup
	verifier.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := b.watcher.Verify(l.ctx, "", ""); err != nil && !strings.Contains(err.Error(), "changes too fast") {
				t.Error(err)
			}
		}
	})
	sources.Wait()
	close(done)
	verifier.Wait()
	l.awaitIdle()
	b.expectHeads(t, want)
	// Two messages of one component in a row never say the same, unless they are to be compared.
	last := make(map[string]string)
	for _, e := range b.events(t) {
		m := short(e)
		if last[m.Name] == m.Content && !e.Verify {
			t.Errorf("%s was published twice as %q", m.Name, m.Content)
		}
		last[m.Name] = m.Content
	}
}
