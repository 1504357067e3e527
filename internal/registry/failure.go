package registry

import (
	"errors"

	"odasync/internal/syncer"
)

// maxRounds bounds how often an apply reads again and starts over because the registry changed underneath.
const maxRounds = 3

func moved(request, reason string) *syncer.Failure {
	return &syncer.Failure{Class: syncer.ClassConflict, Request: request, Detail: clean(reason)}
}

func asFailure(err error) (*syncer.Failure, bool) {
	var failure *syncer.Failure
	return failure, errors.As(err, &failure)
}

func isMoved(err error) bool    { return syncer.ClassOf(err) == syncer.ClassConflict }
func isRejected(err error) bool { return syncer.ClassOf(err) == syncer.ClassInvalid }

func hasStatus(err error, status int) bool {
	failure, ok := asFailure(err)
	return ok && failure.Status == status
}

// about puts what a request was about before the words of the registry, which seldom tell.
func about(err error, what string) error {
	failure, ok := asFailure(err)
	if !ok {
		return err
	}
	named := *failure
	named.Detail = clean(what + ": " + failure.Detail)
	return &named
}

// refused makes a rejection one of odasync's configuration, where no component's content was in the request.
func refused(err error) error {
	failure, ok := asFailure(err)
	if !ok || failure.Class != syncer.ClassInvalid {
		return err
	}
	misfit := *failure
	misfit.Class = syncer.ClassUnauthorized
	return &misfit
}
