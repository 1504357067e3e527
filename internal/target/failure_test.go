package target_test

import (
	"context"
	"testing"

	"odasync/internal/target"
	"odasync/internal/testcheck"
)

func TestFailure_Error(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		failure target.Failure
		want    string
	}{
		"when the registry has a message": {target.Failure{Request: "POST /components", Status: 422, Detail: "name too long"}, "POST /components: HTTP 422: name too long"},
		"when there is no answer":         {target.Failure{Request: "GET /apis", Err: context.DeadlineExceeded}, "GET /apis: context deadline exceeded"},
		"when there is only a status":     {target.Failure{Request: "GET /apis", Status: 500}, "GET /apis: HTTP 500"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.Equal(t, "text", test.want, test.failure.Error())
			if test.failure.Err != nil && test.failure.Unwrap() != test.failure.Err {
				t.Error("the transport error is lost")
			}
		})
	}
}
