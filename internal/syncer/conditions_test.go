package syncer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"odasync/internal/target"
	"odasync/internal/testcheck"

	"github.com/rs/zerolog"
)

func TestRegistryCondition_LogsChangesOnly(t *testing.T) {
	down := func(request, detail string) error {
		return &target.Failure{Class: target.ClassUnavailable, Request: request, Status: 503, Detail: detail}
	}
	unauthorized := &target.Failure{Class: target.ClassUnauthorized, Request: "GET /registries", Status: 401}
	rejected := &target.Failure{Class: target.ClassInvalid, Request: "POST /components", Status: 422, Detail: "name too long"}
	conflict := &target.Failure{Class: target.ClassConflict, Request: "PUT /components/{id}", Status: 404}
	const broken, well = "warn registry takes no writes, trying again", "info registry takes writes again"
	tests := map[string]struct {
		results []error
		want    []string
		check   error
	}{
		"when it never fails":                          {[]error{nil, nil}, nil, nil},
		"when it is unavailable":                       {[]error{down("POST /components", ""), down("PUT /apis/{id}", "")}, []string{broken}, down("PUT /apis/{id}", "")},
		"when it recovers":                             {[]error{down("GET /x", ""), nil, nil}, []string{broken, well}, nil},
		"when the detail changes":                      {[]error{down("GET /x", "starting"), down("GET /x", "no database")}, []string{broken, broken}, down("GET /x", "no database")},
		"when the class changes":                       {[]error{down("GET /x", ""), unauthorized, unauthorized}, []string{broken, broken}, unauthorized},
		"when a transport error repeats":               {[]error{errors.New("reset"), errors.New("reset"), nil}, []string{broken, well}, nil},
		"when a component is rejected":                 {[]error{rejected, conflict}, nil, nil},
		"when a component is rejected after a failure": {[]error{down("GET /x", ""), rejected}, []string{broken, well}, nil},
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
				testcheck.NoError(t, json.Unmarshal(line, &entry))
				got = append(got, entry.Level+" "+entry.Message)
			}
			testcheck.Equal(t, "log", test.want, got)
			testcheck.Equal(t, "check", test.check, s.Err())
		})
	}
}

func TestBrokerCondition_IgnoresAnswers(t *testing.T) {
	full := errors.New("maximum bytes exceeded")
	tests := map[string]struct {
		results []error
		fails   bool
	}{
		"when there is no error":              {[]error{nil}, false},
		"when a bucket is full":               {[]error{nil, full}, true},
		"when another replica has the claim":  {[]error{full, target.ErrClaimed}, false},
		"when there is a conflict":            {[]error{full, target.ErrConflict}, false},
		"when a request is canceled":          {[]error{full, context.Canceled}, true},
		"when it is canceled after a success": {[]error{nil, context.Canceled}, false},
		"when it recovers":                    {[]error{full, nil}, false},
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
