//go:build !linux

package cluster

import "syscall"

// childAttributes put a server into a process group of its own, so that Ctrl-C
// reaches only the process that stops it in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
