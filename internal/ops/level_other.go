//go:build !unix

package ops

// Signals does nothing where there are no such signals.
func (l *Logs) Signals() (stop func()) { return func() {} }
