package stream

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/nats-io/nats.go"
)

// PermissionError says that the server does not let the connection's user use a subject. Whoever waits for an answer
// sees nothing of it but that none comes.
type PermissionError struct {
	Role    string // watcher, syncer or ctl
	Action  string // publish to, or subscribe to
	Subject string
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("nats: the server does not let this user %s %q: give %s the credential of its role, or allow it the "+
		"subject on the server (docs/nats-security.md says what each role needs)", e.Action, e.Subject, e.Role)
}

// violation is how nats-server words it; it has no code.
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

// onRefusal passes an error on only when its text differs from the one before: what is refused is tried again and again.
func onRefusal(f func(error)) nats.ErrHandler {
	var last string // the client calls its handlers one at a time
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if text := err.Error(); text != last {
			last = text
			f(err)
		}
	}
}
