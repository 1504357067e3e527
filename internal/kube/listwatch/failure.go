package listwatch

import (
	"errors"
	"io"

	"odasync/internal/kube"
)

// Ends of a watch that no request explains.
var (
	errSilent   = errors.New("no event and no bookmark for too long: the connection or the watch is dead")
	errUnmarked = errors.New("no end of the initial events: the server or a proxy does not stream lists")
	errStalled  = errors.New("the initial events stalled")
	errCut      = errors.New("connection lost before the end of the initial events")
	errDue      = errors.New("a resync is due")
	errOutdated = errors.New("another version of the resource is preferred")
)

// Reasons for the end of a watch, besides those of a failed request.
const (
	reasonClosed   = "closed" // by the server at its timeout
	reasonDue      = "due"    // for a resync
	reasonSilent   = "silent"
	reasonUnmarked = "unmarked"
)

var reasons = []string{reasonClosed, reasonDue, reasonSilent, reasonUnmarked}

// explain returns why a watch has ended. A watch ends for its own reasons before those of a request: a server that rejects
// streamed lists is unmarked.
func explain(err error) *kube.Failure {
	f := &kube.Failure{Reason: kube.ReasonOther, Text: err.Error(), Err: err}
	var request *kube.Failure
	switch {
	case errors.Is(err, errDue):
		f.Reason = reasonDue
	case errors.Is(err, errSilent):
		f.Reason = reasonSilent
	case errors.Is(err, errUnmarked), errors.Is(err, errStalled):
		f.Reason = reasonUnmarked
	case errors.Is(err, errCut):
		f.Reason = kube.ReasonLost
	case err == io.EOF: //nolint:errorlint // a wrapped EOF is a lost connection
		f.Reason, f.Text = reasonClosed, "the server closed the watch"
	case errors.As(err, &request):
		return request
	}
	return f
}
