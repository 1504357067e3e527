package v1

import (
	"context"
	"sync"

	"odasync/internal/registry"
)

// flight lets one of several callers do what all of them need. The zero flight is ready.
type flight[K comparable] struct {
	mu   sync.Mutex
	runs map[K]*run
}

type run struct {
	done chan struct{}
	err  error
}

// do runs work for the key, or waits for the run that is under way and returns its error. Work belongs to the caller that
// began it and ends with that caller's context; a caller that waited for such a run then begins its own. Callers that
// need work to have begun after they came must check what it left behind, and come again.
func (f *flight[K]) do(ctx context.Context, key K, work func() error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		current, mine := f.join(key)
		if mine {
			return f.finish(key, current, work)
		}
		select {
		case <-current.done:
			if !registry.ContextEnded(current.err) {
				return current.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *flight[K]) join(key K) (current *run, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if current, running := f.runs[key]; running {
		return current, false
	}
	current = &run{done: make(chan struct{})}
	if f.runs == nil {
		f.runs = map[K]*run{}
	}
	f.runs[key] = current
	return current, true
}

func (f *flight[K]) finish(key K, current *run, work func() error) error {
	defer func() {
		f.mu.Lock()
		delete(f.runs, key)
		f.mu.Unlock()
		close(current.done)
	}()
	current.err = work()
	return current.err
}
