// Package cli is ctl, one file a command. Data goes to stdout and words to stderr; the exit code is 0 when it is
// done, 1 for a negative answer and 2 for wrong use or an error, which always says what to do next.
package cli
