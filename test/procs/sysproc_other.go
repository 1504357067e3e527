//go:build !linux

package procs

import "syscall"

// ownGroup keeps a Ctrl-C for the parent, which then ends its processes in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// isFrozen trusts the signal: how to ask differs from system to system.
func isFrozen(int) (bool, error) { return true, nil }
