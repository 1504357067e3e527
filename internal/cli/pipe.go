package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
)

// keepPipes has writes to a closed pipe fail, instead of ending the process, so that a command ends in order when its output is
// closed early, as by head. Programs that it starts are not affected.
func keepPipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// breakPipes is the default again: a daemon ends with the reader of its log.
func breakPipes() { signal.Reset(syscall.SIGPIPE) }

// isClosed reports whether the error is that of an output whose reader has closed it. That of a connection is another one.
func isClosed(out io.Writer, err error) bool {
	file, isFile := out.(*os.File)
	failed := new(fs.PathError)
	return isFile && errors.As(err, &failed) && failed.Path == file.Name() && errors.Is(failed, syscall.EPIPE)
}
