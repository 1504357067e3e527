package procs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ownGroup keeps a Ctrl-C for the parent, which then ends its processes in order. Should the parent be killed, they
// die with it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// isFrozen reports whether every thread of the process is stopped: the process's own state is its first thread's, and the
// others stop a moment later.
func isFrozen(pid int) (bool, error) {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	if err != nil {
		return false, err
	}
	if len(threads) == 0 {
		return false, fmt.Errorf("process %d: %w", pid, os.ErrProcessDone)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		// The state follows the program's name, which is in brackets and may hold any character.
		if end := bytes.LastIndex(text, []byte(") ")); end < 0 || text[end+2] != 'T' {
			return false, nil
		}
	}
	return true, nil
}
