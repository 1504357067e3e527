package registry

import (
	"errors"

	"odasync/internal/target"
)

// Conflict returns the failure of a request that found other content than was known.
func Conflict(request, reason string) *target.Failure {
	return &target.Failure{Class: target.ClassConflict, Request: request, Detail: Clean(reason)}
}

// AsFailure returns the failure in an error's chain.
func AsFailure(err error) (*target.Failure, bool) {
	var failure *target.Failure
	return failure, errors.As(err, &failure)
}

// IsConflict reports whether the content changed underneath.
func IsConflict(err error) bool { return target.ClassOf(err) == target.ClassConflict }

// IsInvalid reports whether the registry rejects the content of the request.
func IsInvalid(err error) bool { return target.ClassOf(err) == target.ClassInvalid }

// HasStatus reports whether the registry answered with the HTTP status.
func HasStatus(err error, status int) bool {
	failure, ok := AsFailure(err)
	return ok && failure.Status == status
}

// About puts the object of the request before a failure's detail, which seldom names it.
func About(err error, object string) error {
	failure, ok := AsFailure(err)
	if !ok {
		return err
	}
	named := *failure
	named.Detail = Clean(object + ": " + failure.Detail)
	return &named
}

// Misconfigured turns a rejection of the content into one of the configuration: the request held no component's content.
func Misconfigured(err error) error {
	failure, ok := AsFailure(err)
	if !ok || failure.Class != target.ClassInvalid {
		return err
	}
	misfit := *failure
	misfit.Class = target.ClassUnauthorized
	return &misfit
}
