package registrytest

import (
	"errors"
	"strings"
	"testing"

	"odasync/internal/target"
)

// WantFailure requires a failure of the class whose text contains all the parts.
func WantFailure(t testing.TB, err error, class target.Class, parts ...string) *target.Failure {
	t.Helper()
	var failure *target.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("error = %v, want a failure of class %s", err, class)
	}
	if failure.Class != class {
		t.Errorf("class of %q = %s, want %s", err, failure.Class, class)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	return failure
}
