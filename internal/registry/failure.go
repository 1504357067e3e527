package registry

import (
	"errors"

	"odasync/internal/target"
)

// maxRounds bounds how often an apply reads again and starts over because the registry changed underneath.
const maxRounds = 3

func moved(request, reason string) *target.Failure {
	return &target.Failure{Class: target.ClassConflict, Request: request, Detail: clean(reason)}
}

func asFailure(err error) (*target.Failure, bool) {
	var failure *target.Failure
	return failure, errors.As(err, &failure)
}

func isMoved(err error) bool    { return target.ClassOf(err) == target.ClassConflict }
func isRejected(err error) bool { return target.ClassOf(err) == target.ClassInvalid }

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
	if !ok || failure.Class != target.ClassInvalid {
		return err
	}
	misfit := *failure
	misfit.Class = target.ClassUnauthorized
	return &misfit
}
