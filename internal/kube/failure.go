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
	errLost     = errors.New("connection lost")
)

// Reasons for the failure of a request.
const (
	ReasonExpired      = "expired" // the resourceVersion or the continue token
	ReasonLost         = "lost"    // an answer that was cut
	ReasonUnreachable  = "unreachable"
	ReasonUnavailable  = "unavailable"
	ReasonUnauthorized = "unauthorized"
	ReasonForbidden    = "forbidden"
	ReasonNotFound     = "not_found" // the resource, not an object
	ReasonOther        = "other"
)

// Reasons are all of them: the values of a metric's label.
var Reasons = []string{
	ReasonExpired, ReasonLost, ReasonUnreachable, ReasonUnavailable, ReasonUnauthorized, ReasonForbidden, ReasonNotFound, ReasonOther,
}

// Failure is an error with its reason and a text for the log. Repeated failures have the same text: it contains no value that
// changes, such as a port or a resourceVersion.
type Failure struct {
	Reason string
	Text   string
	Err    error
}

func (f *Failure) Error() string { return f.Text }
func (f *Failure) Unwrap() error { return f.Err }

// explain classifies the error of a request that needs the permission.
func explain(err error, needed rule) *Failure {
	f := &Failure{Reason: ReasonOther, Text: plainText(err), Err: err}
	var certificate *tls.CertificateVerificationError
	var network net.Error
	var status apierrors.APIStatus
	switch {
	case errors.Is(err, errLost):
		f.Reason, f.Text = ReasonLost, errLost.Error()+": "+strings.TrimPrefix(f.Text, errLost.Error()+": ")
	case apierrors.IsUnauthorized(err):
		f.Reason = ReasonUnauthorized
		f.Text = "the API server does not accept the credentials (401): check the token or client certificate of the kubeconfig or the service account"
	case apierrors.IsForbidden(err) && strings.Contains(f.Text, `"system:anonymous"`):
		f.Reason = ReasonUnauthorized
		f.Text = "the API server got no credentials: check the user of the kubeconfig's context; none are sent to an http:// server"
	case apierrors.IsForbidden(err):
		f.Reason = ReasonForbidden
		f.Text = "missing permission: " + needed.String() + ": " + needed.remedy() + " (" + f.Text + ")"
	case apierrors.IsNotFound(err):
		f.Reason, f.Text = ReasonNotFound, "the API server does not serve "+needed.resource+"."+needed.group
	case isExpired(err):
		f.Reason, f.Text = ReasonExpired, "the server no longer knows the resourceVersion"
	case errors.Is(err, errNoAnswer), isUnavailable(err):
		f.Reason = ReasonUnavailable
	case errors.As(err, &status): // any other answer
	case errors.As(err, &certificate):
		f.Reason = ReasonUnreachable
		f.Text += ": check the certificate authority and the server address of the kubeconfig"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.Reason, f.Text = ReasonUnreachable, "API server unreachable: "+f.Text
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

// IsRejected reports whether the server does not support the request.
func IsRejected(err error) bool { return apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) }

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
