package registrytest

import (
	"errors"
	"fmt"
	"testing"

	"odasync/internal/target"
	"odasync/internal/testcheck"
)

// WantFailure requires a failure of the class whose text contains all the parts.
func WantFailure(t testing.TB, err error, class target.Class, parts ...string) *target.Failure {
	t.Helper()
	var failure *target.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("error = %v, want a failure of class %s", err, class)
	}
	testcheck.Equal(t, fmt.Sprintf("class of %q", err), class, failure.Class)
	testcheck.ErrorContains(t, err, parts...)
	return failure
}
