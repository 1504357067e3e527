package natsconn

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/nats-io/nats.go"
)

// PermissionError is the server's answer that the user of the connection may not use a subject. The request that caused it
// only times out.
type PermissionError struct {
	Role    string // watcher, syncer or ctl
	Action  string // publish to, subscribe to, or use
	Subject string
}

// Error names the subject and the remedy.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("nats: the server does not let this user %s %q: give %s the credential of its role, or allow it the "+
		"subject on the server (docs/nats-security.md says what each role needs)", e.Action, e.Subject, e.Role)
}

// Denied returns the missing permission that ended the context, by way of the function that [Dial] takes, or else the error.
func Denied(ctx context.Context, err error) error {
	var denied *PermissionError
	if errors.As(context.Cause(ctx), &denied) {
		return denied
	}
	return err
}

// violation matches the text of nats-server; there is no code.
var violation = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// permissionError returns nil for any other error.
func permissionError(role string, err error) *PermissionError {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return nil
	}
	e := &PermissionError{Role: role, Action: "use", Subject: err.Error()}
	if found := violation.FindStringSubmatch(err.Error()); found != nil {
		e.Action, e.Subject = "publish to", found[2]
		if found[1] != "Publish" && found[1] != "publish" {
			e.Action = "subscribe to"
		}
	}
	return e
}

// onChange calls f only where the text of the error differs from the one before: what is refused is tried again and again.
func onChange(f func(error)) nats.ErrHandler {
	var last string // the client calls its handlers one at a time
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if text := err.Error(); text != last {
			last = text
			f(err)
		}
	}
}
