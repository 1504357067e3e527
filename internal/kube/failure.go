package kube

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Failures without an answer from the server.
var (
	errNoAnswer = errors.New("no answer from the API server in time")
	errSilent   = errors.New("no event and no bookmark for too long: the connection or the watch is dead")
	errUnmarked = errors.New("no end of the initial events: the server or a proxy does not stream lists")
	errStalled  = errors.New("the initial events stalled")
	errDue      = errors.New("a resync is due")
	errOutdated = errors.New("another version of the resource is preferred")
	errLost     = errors.New("connection lost")
)

// Reasons for the end of a watch: the values of a metric's label.
const (
	reasonClosed       = "closed" // by the server at its timeout
	reasonExpired      = "expired"
	reasonDue          = "due" // for a resync
	reasonSilent       = "silent"
	reasonUnmarked     = "unmarked"
	reasonLost         = "lost"
	reasonUnreachable  = "unreachable"
	reasonUnavailable  = "unavailable"
	reasonUnauthorized = "unauthorized"
	reasonForbidden    = "forbidden"
	reasonNotFound     = "not_found"
	reasonOther        = "other"
)

var reasons = []string{
	reasonClosed, reasonDue, reasonExpired, reasonSilent, reasonUnmarked, reasonLost, reasonUnreachable, reasonUnavailable,
	reasonUnauthorized, reasonForbidden, reasonNotFound, reasonOther,
}

// failure is an error with its reason and a text for the log. Repeated failures have the same text: it contains no value that
// changes, such as a port or a resourceVersion.
type failure struct {
	reason string
	text   string
	err    error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// explain classifies the error of a request that needs the permission.
func explain(err error, needed rule) *failure {
	f := &failure{reason: reasonOther, text: plainText(err), err: err}
	var known *failure
	var certificate *tls.CertificateVerificationError
	var network net.Error
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errDue):
		f.reason = reasonDue
	case errors.Is(err, errSilent):
		f.reason = reasonSilent
	case errors.Is(err, errUnmarked), errors.Is(err, errStalled):
		f.reason = reasonUnmarked
	case errors.Is(err, errLost):
		f.reason, f.text = reasonLost, errLost.Error()+": "+strings.TrimPrefix(f.text, errLost.Error()+": ")
	case err == io.EOF: //nolint:errorlint // a wrapped EOF is a lost connection, see below
		f.reason, f.text = reasonClosed, "the server closed the watch"
	case apierrors.IsUnauthorized(err):
		f.reason = reasonUnauthorized
		f.text = "the API server does not accept the credentials (401): check the token or client certificate of the kubeconfig or the service account"
	case apierrors.IsForbidden(err) && strings.Contains(f.text, `"system:anonymous"`):
		f.reason = reasonUnauthorized
		f.text = "the API server got no credentials: check the user of the kubeconfig's context; none are sent to an http:// server"
	case apierrors.IsForbidden(err):
		f.reason = reasonForbidden
		f.text = "missing permission: " + needed.String() + ": " + needed.remedy() + " (" + f.text + ")"
	case apierrors.IsNotFound(err):
		f.reason, f.text = reasonNotFound, "the API server does not serve "+needed.resource+"."+needed.group
	case isExpired(err):
		f.reason, f.text = reasonExpired, "the server no longer knows the resourceVersion"
	case errors.Is(err, errNoAnswer), isUnavailable(err):
		f.reason = reasonUnavailable
	case errors.As(err, &status): // any other answer
	case errors.As(err, &certificate):
		f.reason = reasonUnreachable
		f.text += ": check the certificate authority and the server address of the kubeconfig"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.reason, f.text = reasonUnreachable, "API server unreachable: "+f.text
	}
	return f
}

// ExplainLease returns the error of a request for the Lease with what a person can do about it.
func (c *Client) ExplainLease(verb string, err error) error { return explain(err, c.leaseRule(verb)) }

// isExpired reports whether a watch cannot resume from its resourceVersion. A server restored from a backup reports it as too
// large.
func isExpired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}

func isUnavailable(err error) bool {
	return apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err)
}

// isRejected reports whether the server does not support the request.
func isRejected(err error) bool { return apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) }

// causeOf returns the cause of the context's end, if there is one, in place of the error.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// plainText leaves out the URL of a request, whose query has the resourceVersion, and the local port of a connection.
func plainText(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		bare := *operation
		bare.Source = nil
		return bare.Error()
	}
	return cmp.Or(err.Error(), fmt.Sprintf("an answer without a message (%s)", apierrors.ReasonForError(err)))
}
