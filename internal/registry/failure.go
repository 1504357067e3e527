package registry

import (
	"errors"

	"odasync/internal/target"
)

func Conflict(request, reason string) *target.Failure {
	return &target.Failure{Class: target.ClassConflict, Request: request, Detail: Clean(reason)}
}

func AsFailure(err error) (*target.Failure, bool) {
	var failure *target.Failure
	return failure, errors.As(err, &failure)
}

func IsConflict(err error) bool { return target.ClassOf(err) == target.ClassConflict }
func IsInvalid(err error) bool  { return target.ClassOf(err) == target.ClassInvalid }

func HasStatus(err error, status int) bool {
	failure, ok := AsFailure(err)
	return ok && failure.Status == status
}

// about puts what a request was about before the words of the registry, which seldom tell.
func About(err error, what string) error {
	failure, ok := AsFailure(err)
	if !ok {
		return err
	}
	named := *failure
	named.Detail = Clean(what + ": " + failure.Detail)
	return &named
}

// refused makes a rejection one of odasync's configuration, where no component's content was in the request.
func Misconfigured(err error) error {
	failure, ok := AsFailure(err)
	if !ok || failure.Class != target.ClassInvalid {
		return err
	}
	misfit := *failure
	misfit.Class = target.ClassUnauthorized
	return &misfit
}
