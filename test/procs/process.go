package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// stopTimeout is above the time that every program needs for an orderly end.
const stopTimeout = 40 * time.Second

var errEnded = errors.New("it has ended")

// Spec describes a program to run.
type Spec struct {
	// Name is unique among what runs at a time; it names the log file.
	Name string
	// Program is a file in the folder of built programs, or in Folder where that is set.
	Program, Folder string
	Args            []string
	// Env is the whole environment besides PATH and HOME.
	Env map[string]string
	// Unread sends the output to the log file alone: reading it costs a measurement more than writing it. Await, Logged and
	// Tail then see nothing.
	Unread bool
}

// With returns a copy of the spec with more variables.
func (s Spec) With(env map[string]string) Spec {
	merged := make(map[string]string, len(s.Env)+len(env))
	for name, value := range s.Env {
		merged[name] = value
	}
	for name, value := range env {
		merged[name] = value
	}
	s.Env = merged
	return s
}

// Process is a started program.
type Process struct {
	Spec    Spec
	Started time.Time

	command *exec.Cmd
	log     *os.File
	journal *journal
	address atomic.Pointer[string]
	asked   atomic.Bool // to end
	ended   chan struct{}
	err     error // valid once ended
}

func start(spec Spec, binary, dir string) (*Process, error) {
	log, err := os.OpenFile(filepath.Join(dir, spec.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p := &Process{Spec: spec, command: exec.Command(binary, spec.Args...), log: log, journal: newJournal(log), ended: make(chan struct{})}
	p.command.Dir = dir
	p.command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	for name, value := range spec.Env {
		p.command.Env = append(p.command.Env, name+"="+value)
	}
	p.command.Stdout, p.command.Stderr = p.journal, p.journal
	if spec.Unread {
		p.command.Stdout, p.command.Stderr = log, log
	}
	p.command.SysProcAttr = ownGroup()
	p.Started = time.Now()
	if err := p.command.Start(); err != nil {
		_ = log.Close() // empty
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.command.Wait()
		_ = log.Close() // a copy of what the journal has
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// LogFile is the path of the file with the process's output.
func (p *Process) LogFile() string { return p.log.Name() }

// Tail returns the last lines of the output.
func (p *Process) Tail(lines int) string { return p.journal.tail(lines) }

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil {
		return fmt.Errorf("signal %s: %w", p.Spec.Name, err)
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	p.asked.Store(true)
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.ended
}

// Stop asks the process to end and waits for it. It is an error when the process had ended before, when its exit code
// is not 0, and when it takes too long.
func (p *Process) Stop() error {
	if p.asked.Swap(true) {
		<-p.ended
		return nil
	}
	if !p.Running() {
		return fmt.Errorf("%s ended by itself (%w):\n%s", p.Spec.Name, p.exit(), p.Tail(20))
	}
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may be ending by itself, as the exit code shows
	_ = p.Thaw()                                  // a frozen process handles no signal
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.Kill()
		return fmt.Errorf("%s did not stop within %s:\n%s", p.Spec.Name, stopTimeout, p.Tail(20))
	}
	if p.err != nil {
		return fmt.Errorf("%s stopped with %w:\n%s", p.Spec.Name, p.err, p.Tail(20))
	}
	return nil
}

// Wait returns the exit code once the process has ended by itself.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.ended:
		p.asked.Store(true)
		return p.command.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s has not ended: %w", p.Spec.Name, ctx.Err())
	}
}

func (p *Process) exit() error {
	if p.err != nil {
		return p.err
	}
	return errors.New("exit status 0")
}

// Await returns the first line of the output that contains the text, from the process's start on.
func (p *Process) Await(ctx context.Context, text string) (string, error) {
	line, err := p.journal.await(ctx, p.ended, func(line string) bool { return strings.Contains(line, text) })
	if err != nil {
		return "", fmt.Errorf("%s does not print %q: %w; its last output:\n%s", p.Spec.Name, text, err, p.Tail(20))
	}
	return line, nil
}

// AwaitEntry returns the first log line that matches.
func (p *Process) AwaitEntry(ctx context.Context, match func(Entry) bool) (Entry, error) {
	var found Entry
	_, err := p.journal.await(ctx, p.ended, func(line string) bool {
		found = parse(line)
		return found != nil && match(found)
	})
	if err != nil {
		return nil, fmt.Errorf("%s does not log the expected entry: %w; its last output:\n%s", p.Spec.Name, err, p.Tail(20))
	}
	return found, nil
}

// Logged returns the log lines so far that match.
func (p *Process) Logged(match func(Entry) bool) []Entry {
	var entries []Entry
	lines, _ := p.journal.from(0)
	for _, line := range lines {
		if entry := parse(line); entry != nil && match(entry) {
			entries = append(entries, entry)
		}
	}
	return entries
}
