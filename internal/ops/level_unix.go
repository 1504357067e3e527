//go:build unix

package ops

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals changes the level until stop is called: SIGUSR1 to DEBUG, SIGUSR2 to LOG_LEVEL.
func (l *Logs) Signals() (stop func()) {
	signals, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		defer close(ended)
		for s := range signals {
			word := "DEBUG"
			if s == syscall.SIGUSR2 {
				word = l.Level.configured
			}
			l.Level.change(word, l.Logger)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals) // no signal is sent after Stop
		<-ended
	}
}
