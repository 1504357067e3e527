package syncer_test

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/config"
	"odasync/internal/syncer"
	"odasync/internal/testcheck"
)

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	good := syncer.Config{Target: "default", Concurrency: 16, Batch: 100, Tries: 3, Pause: config.Duration(5 * time.Second)}
	all := []string{"SYNC_TARGET", "SYNC_CONCURRENCY", "BATCH_SIZE", "COMPONENT_REGISTRY_RETRY_ATTEMPTS", "COMPONENT_REGISTRY_RETRY_DELAY"}
	tests := map[string]struct {
		cfg  syncer.Config
		want []string // what the error names
	}{
		"good":     {good, nil},
		"smallest": {syncer.Config{Target: "x", Concurrency: 1, Batch: 1, Tries: 1}, nil},
		"largest":  {syncer.Config{Target: strings.Repeat("x", 100), Concurrency: 1024, Batch: 1000, Tries: 100, Pause: config.Duration(time.Hour)}, nil},
		"empty":    {syncer.Config{}, all[:4]},
		"negative": {syncer.Config{Concurrency: -1, Batch: -1, Tries: -1, Pause: -1}, all},
		"too large": {
			syncer.Config{Target: strings.Repeat("x", 101), Concurrency: 1025, Batch: 1001, Tries: 101, Pause: config.Duration(time.Hour + 1)}, all,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.ErrorOrNil(t, test.cfg.Validate(), test.want...)
		})
	}
}
