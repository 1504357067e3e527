package condition_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/rs/zerolog"

	"odasync/internal/condition"
	"odasync/internal/testcheck"
)

func TestCondition_LogsChangesOnly(t *testing.T) {
	full := errors.New("maximum bytes exceeded")
	about := func(key string, err error) error { return fmt.Errorf("publish %s: %w", key, err) }
	tests := map[string]struct {
		results []error
		want    []string
		last    error
	}{
		"when it never fails":                  {[]error{nil, nil}, nil, nil},
		"when many things fail for one reason": {[]error{about("a", full), about("b", full)}, []string{"fails"}, full},
		"when the reason changes":              {[]error{about("a", full), errors.New("no responders")}, []string{"fails", "fails"}, nil},
		"when it recovers":                     {[]error{full, nil, nil}, []string{"fails", "over"}, nil},
		"when it fails again":                  {[]error{full, nil, full}, []string{"fails", "over", "fails"}, full},
		"when the failure stays":               {[]error{nil, full}, []string{"fails"}, full},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := condition.New(zerolog.New(&out), "fails", "over", nil)
			for _, err := range test.results {
				c.Set(err)
			}
			var got []string
			for line := range bytes.Lines(out.Bytes()) {
				var entry struct{ Message string }
				testcheck.NoError(t, json.Unmarshal(line, &entry))
				got = append(got, entry.Message)
			}
			testcheck.Equal(t, "log", test.want, got)
			if test.last != nil && !errors.Is(c.Err(), test.last) {
				t.Errorf("last error %v, want %v", c.Err(), test.last)
			}
			if test.results[len(test.results)-1] == nil && c.Err() != nil {
				t.Errorf("last error %v after a success", c.Err())
			}
		})
	}
}
