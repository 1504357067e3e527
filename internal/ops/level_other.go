//go:build !unix

package ops

// Signals does nothing on a system without SIGUSR1 and SIGUSR2.
func (l *Logs) Signals() (stop func()) { return func() {} }
