package syncer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"odasync/internal/target"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

func TestRegistryCondition_LogsChangesOnly(t *testing.T) {
	down := func(request, words string) error {
		return &target.Failure{Class: target.ClassUnavailable, Request: request, Status: 503, Detail: words}
	}
	refused := &target.Failure{Class: target.ClassUnauthorized, Request: "GET /registries", Status: 401}
	rejected := &target.Failure{Class: target.ClassInvalid, Request: "POST /components", Status: 422, Detail: "name too long"}
	moved := &target.Failure{Class: target.ClassConflict, Request: "PUT /components/{id}", Status: 404}
	const broken, well = "warn registry takes no writes, trying again", "info registry takes writes again"
	tests := map[string]struct {
		results []error
		want    []string
		check   error
	}{
		"well from the start":        {[]error{nil, nil}, nil, nil},
		"down, told once":            {[]error{down("POST /components", ""), down("PUT /apis/{id}", "")}, []string{broken}, down("PUT /apis/{id}", "")},
		"well again":                 {[]error{down("GET /x", ""), nil, nil}, []string{broken, well}, nil},
		"down with other words":      {[]error{down("GET /x", "starting"), down("GET /x", "no database")}, []string{broken, broken}, down("GET /x", "no database")},
		"down, then refused":         {[]error{down("GET /x", ""), refused, refused}, []string{broken, broken}, refused},
		"a transport error, again":   {[]error{errors.New("reset"), errors.New("reset"), nil}, []string{broken, well}, nil},
		"a rejected component":       {[]error{rejected, moved}, nil, nil},
		"down, one is rejected then": {[]error{down("GET /x", ""), rejected}, []string{broken, well}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s := newRegistryCondition(zerolog.New(&out))
			for _, err := range test.results {
				s.record(err)
			}
			var got []string
			for line := range bytes.Lines(out.Bytes()) {
				var entry struct{ Level, Message string }
				if err := json.Unmarshal(line, &entry); err != nil {
					t.Fatal(err)
				}
				got = append(got, entry.Level+" "+entry.Message)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.check, s.Err()); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokerCondition_IgnoresAnswers(t *testing.T) {
	full := errors.New("maximum bytes exceeded")
	tests := map[string]struct {
		results []error
		fails   bool
	}{
		"well":                     {[]error{nil}, false},
		"a bucket that is full":    {[]error{nil, full}, true},
		"a claim of another":       {[]error{full, target.ErrClaimed}, false},
		"a race":                   {[]error{full, target.ErrConflict}, false},
		"a request that was cut":   {[]error{full, context.Canceled}, true},
		"cut, but well before it":  {[]error{nil, context.Canceled}, false},
		"a failure that has ended": {[]error{full, nil}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBrokerCondition(zerolog.Nop())
			for _, err := range test.results {
				b.record(err)
			}
			if got := b.Err() != nil; got != test.fails {
				t.Errorf("fails: %v, want %v (%v)", got, test.fails, b.Err())
			}
		})
	}
}
