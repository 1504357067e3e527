package ops_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"odasync/internal/ops"
	"odasync/internal/testcheck"
)

func TestReadyMetric(t *testing.T) {
	registry, health := prometheus.NewPedanticRegistry(), new(ops.Health)
	ops.RegisterReady(registry, health)
	expect := func(lines ...string) {
		t.Helper()
		want := "# HELP odasync_ready 1 for each check of /readyz that succeeds, 0 for each that fails.\n" +
			"# TYPE odasync_ready gauge\n" + strings.Join(lines, "\n") + "\n"
		testcheck.ErrorIs(t, "metric", nil, testutil.GatherAndCompare(registry, strings.NewReader(want), "odasync_ready"))
	}
	health.Live("loop", func(context.Context) error { return errors.New("stuck") }) // not what is asked for
	health.Ready("nats", func(context.Context) error { return nil })
	health.Ready("registry", func(context.Context) error { return errors.New("connection refused") })
	expect(`odasync_ready{check="nats"} 1`, `odasync_ready{check="registry"} 0`)
	health.Ready("registry", func(context.Context) error { return nil })
	expect(`odasync_ready{check="nats"} 1`, `odasync_ready{check="registry"} 1`)
}
