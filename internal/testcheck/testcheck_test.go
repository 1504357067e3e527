package testcheck_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/testcheck"
)

// recorder is a test that records its failures, and ends by a panic.
type recorder struct{ failures []string }

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); panic(r) }
func (r *recorder) Fatal(args ...any)                 { r.Fatalf("%s", fmt.Sprint(args...)) }

func TestChecks(t *testing.T) {
	failed := errors.New("failed to read b")
	tests := map[string]struct {
		check    func(testcheck.T)
		failures int
		ends     bool
	}{
		"no error":                {func(t testcheck.T) { testcheck.NoError(t, nil) }, 0, false},
		"error":                   {func(t testcheck.T) { testcheck.NoError(t, failed) }, 1, true},
		"a value":                 {func(t testcheck.T) { testcheck.Equal(t, "a", 1, testcheck.Must(1, nil)) }, 0, false},
		"no value":                {func(testcheck.T) { testcheck.Must(1, failed) }, 0, true},
		"equal":                   {func(t testcheck.T) { testcheck.Equal(t, "a", 1, 1) }, 0, false},
		"equal by option":         {func(t testcheck.T) { testcheck.Equal(t, "a", nil, []int{}, cmpopts.EquateEmpty()) }, 0, false},
		"different":               {func(t testcheck.T) { testcheck.Equal(t, "a", nil, []int{}) }, 1, false},
		"must be equal":           {func(t testcheck.T) { testcheck.MustEqual(t, "a", 1, 1) }, 0, false},
		"must not be different":   {func(t testcheck.T) { testcheck.MustEqual(t, "a", 1, 2) }, 1, true},
		"at the limit":            {func(t testcheck.T) { testcheck.AtMost(t, "a", 2, 2); testcheck.AtLeast(t, "a", 2, 2) }, 0, false},
		"beyond the limit":        {func(t testcheck.T) { testcheck.AtMost(t, "a", 2, 3); testcheck.AtLeast(t, "a", 2, 1) }, 2, false},
		"empty":                   {func(t testcheck.T) { testcheck.Empty(t, "a", []int(nil)) }, 0, false},
		"not empty":               {func(t testcheck.T) { testcheck.Empty(t, "a", map[string]int{"b": 0}) }, 1, false},
		"the error":               {func(t testcheck.T) { testcheck.ErrorIs(t, "a", failed, fmt.Errorf("b: %w", failed)) }, 0, false},
		"no error wanted":         {func(t testcheck.T) { testcheck.ErrorIs(t, "a", nil, nil) }, 0, false},
		"another error":           {func(t testcheck.T) { testcheck.ErrorIs(t, "a", nil, failed) }, 1, false},
		"error contains all":      {func(t testcheck.T) { testcheck.ErrorContains(t, failed, "failed", "b") }, 0, false},
		"error lacks two":         {func(t testcheck.T) { testcheck.ErrorContains(t, failed, "x", "read", "y") }, 2, false},
		"unexpected error":        {func(t testcheck.T) { testcheck.ErrorOrNil(t, failed) }, 1, true},
		"expected error":          {func(t testcheck.T) { testcheck.ErrorOrNil(t, failed, "read b") }, 0, false},
		"text lacks one":          {func(t testcheck.T) { testcheck.Contains(t, "the log", "a b", "b", "c") }, 1, false},
		"no error where expected": {func(t testcheck.T) { testcheck.ErrorContains(t, nil, "x") }, 1, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := new(recorder)
			defer func() {
				if ends := recover() != nil; ends != test.ends || len(r.failures) != test.failures {
					t.Errorf("%q, ends the test: %t, want %d failures and %t", r.failures, ends, test.failures, test.ends)
				}
			}()
			test.check(r)
		})
	}
}
