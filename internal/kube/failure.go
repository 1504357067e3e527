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

// What can go wrong without a word from the server.
var (
	errNoAnswer = errors.New("no answer from the API server in time")
	errSilent   = errors.New("neither an event nor a bookmark for too long: the connection is dead or the server lost track")
	errUnmarked = errors.New("no end of the initial events: the server or a proxy does not stream lists")
	errStalled  = errors.New("the initial events came to a halt")
	errDue      = errors.New("the next full comparison is due")
	errOutdated = errors.New("another version of the resource is to be read")
	errLost     = errors.New("connection lost")
)

// Reasons why a watch ended: the values of a metric's label.
const (
	reasonClosed       = "closed" // by the server at its timeout, as it should
	reasonExpired      = "expired"
	reasonDue          = "due" // for a full comparison
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

// failure is an error in the words of a log line. The same trouble always has the same words: nothing in them counts
// up, such as a port or a resourceVersion.
type failure struct {
	reason string
	text   string
	err    error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// explain classifies an error of a request that needs the permission.
func explain(err error, needed rule) *failure {
	f := &failure{reason: reasonOther, text: plain(err), err: err}
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
	case err == io.EOF:
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

// isExpired says that a watch cannot go on from its resourceVersion. A server restored from a backup calls it too large.
func isExpired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}

func isUnavailable(err error) bool {
	return apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err)
}

// isRefused says that the server does not take the request as it stands.
func isRefused(err error) bool { return apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) }

// causeOf returns why the context ended where that explains the error.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// plain drops the URL of a request, whose query holds the resourceVersion, and the local port of a connection.
func plain(err error) string {
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
	return cmp.Or(err.Error(), fmt.Sprintf("an answer without words (%s)", apierrors.ReasonForError(err)))
}
