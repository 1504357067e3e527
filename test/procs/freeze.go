package procs

import (
	"context"
	"fmt"
	"syscall"
)

// Freeze stops the process where it is with SIGSTOP and returns once none of it runs any more. It keeps its connections,
// and requests to it get no response.
func (p *Process) Freeze(ctx context.Context) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		frozen, err := isFrozen(p.PID())
		if err != nil {
			return fmt.Errorf("freeze %s: %w", p.Spec.Name, err)
		}
		if frozen {
			return nil
		}
		if err := Pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("freeze %s: it still runs: %w", p.Spec.Name, err)
		}
	}
}

// Thaw resumes a frozen process. The process is unaware of the time that has passed.
func (p *Process) Thaw() error { return p.Signal(syscall.SIGCONT) }
