package streamtest

import (
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

// VerifyTestMain runs a package's tests and fails them where they leave goroutines behind. It overlooks two of the
// server's own: a stream that is created or deleted while the server shuts down may leave its store open.
func VerifyTestMain(m *testing.M) {
	goleak.VerifyTestMain(collected{m},
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
	)
}

// collected runs the tests and then the garbage collector, which is what ends client-go's goroutine for a client
// certificate once its transport is no longer used.
type collected struct{ *testing.M }

func (c collected) Run() int {
	defer runtime.GC()
	return c.M.Run()
}
