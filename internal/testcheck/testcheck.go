// Package testcheck holds the checks that nearly every test makes, with one form of message for each.
package testcheck

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"
)

// T is what the checks need of a [testing.TB]; that of rapid serves too.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Must returns the value of a step of the set-up that cannot fail. It panics on an error.
func Must[V any](value V, err error) V {
	if err != nil {
		panic(fmt.Sprintf("test set-up: %v", err))
	}
	return value
}

// NoError fails the test at once on an error.
func NoError(t T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Equal reports how a value differs from the wanted one. The test goes on.
func Equal[V any](t T, what string, want, got V, options ...gocmp.Option) {
	t.Helper()
	if diff := gocmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// MustEqual is [Equal], which ends the test at a difference.
func MustEqual[V any](t T, what string, want, got V, options ...gocmp.Option) {
	t.Helper()
	if diff := gocmp.Diff(want, got, options...); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// AtMost reports a number or a duration above the limit. The test goes on.
func AtMost[V cmp.Ordered](t T, what string, limit, got V) {
	t.Helper()
	if got > limit {
		t.Errorf("%s: %v, want at most %v", what, got, limit)
	}
}

// AtLeast reports a number or a duration below the limit. The test goes on.
func AtLeast[V cmp.Ordered](t T, what string, limit, got V) {
	t.Helper()
	if got < limit {
		t.Errorf("%s: %v, want at least %v", what, got, limit)
	}
}

// Empty reports what a list, a map or a text holds although it should be empty. The test goes on.
func Empty(t T, what string, got any) {
	t.Helper()
	if reflect.ValueOf(got).Len() != 0 {
		t.Errorf("%s: %+v, want none", what, got)
	}
}

// ErrorIs reports an error that neither is nor wraps the wanted one, where nil wants no error. The test goes on.
func ErrorIs(t T, what string, want, got error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// ErrorContains reports each of the parts that the error lacks. It fails the test at once without an error.
func ErrorContains(t T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that contains %q", parts)
	}
	Contains(t, "the error", err.Error(), parts...)
}

// ErrorOrNil is [ErrorContains], which without parts wants no error.
func ErrorOrNil(t T, err error, parts ...string) {
	t.Helper()
	if len(parts) > 0 {
		ErrorContains(t, err, parts...)
	} else {
		NoError(t, err)
	}
}

// Contains reports each of the parts that the text lacks. The test goes on.
func Contains(t T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// Golden compares a text with that of a file, which it writes first for an update.
func Golden(t T, what, path string, got []byte, update bool) {
	t.Helper()
	if update {
		NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update once", err)
	}
	Equal(t, what, string(want), string(got))
}
