package procs

import "syscall"

// ownGroup keeps a Ctrl-C for the parent, which then ends its processes in order. Should the parent be killed, they
// die with it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
