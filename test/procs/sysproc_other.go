//go:build !linux

package procs

import "syscall"

// ownGroup keeps a Ctrl-C for the parent, which then ends its processes in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
