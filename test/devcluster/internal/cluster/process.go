package cluster

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A process is a running server, its output in a log file.
type process struct {
	name     string
	logPath  string
	cmd      *exec.Cmd
	stopping atomic.Bool
	done     chan struct{} // closed once the process has ended
}

// startProcess starts a server. If it ends without stop having been called, the
// reason with the tail of its log is sent to deaths, which must not block.
func startProcess(name, binary string, args []string, logPath string, deaths chan<- error) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	p := &process{name: name, logPath: logPath, cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = childAttributes()

	started := make(chan error)
	go func() {
		// Linux ends the child when the thread that started it ends, so that
		// thread belongs to this goroutine for the child's whole life.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = p.cmd.Wait()
		if !p.stopping.Load() {
			deaths <- p.deathReport(err)
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks the process to end, waits for it, and kills it after the grace time.
func (p *process) stop(grace time.Duration) {
	p.stopping.Store(true)
	// Signalling a process that has ended already is an error of no interest.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *process) deathReport(cause error) error {
	state := "exit status 0"
	if cause != nil {
		state = cause.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); the end of its log %s:\n%s",
		p.name, state, p.logPath, tail(p.logPath, 20))
}

// tail returns up to n of a file's last lines, looking at its last 16 KiB only.
func tail(path string, n int) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	const window = 16 << 10
	if info, err := file.Stat(); err == nil && info.Size() > window {
		if _, err := file.Seek(-window, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-n):], "\n  ")
}
