package watcher

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/config"
	"odasync/internal/testcheck"
)

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	const day = config.Duration(24 * time.Hour)
	tests := map[string]struct {
		cfg  Config
		want []string // what the error names
	}{
		"plain":              {Config{ClusterName: "east", Interval: config.Duration(time.Minute), Retention: day}, nil},
		"odd characters":     {Config{ClusterName: "east.1 ü", Retention: day}, nil},
		"bounds":             {Config{ClusterName: strings.Repeat("x", 100), Interval: config.Duration(time.Second), Retention: config.Duration(time.Minute)}, nil},
		"empty":              {Config{}, []string{"CLUSTER_NAME", "TOMBSTONE_RETENTION"}},
		"too long, too soon": {Config{ClusterName: strings.Repeat("x", 101), Interval: config.Duration(time.Second - 1)}, []string{"CLUSTER_NAME", "SYNC_INTERVAL"}},
		"too short a memory": {Config{ClusterName: "east", Retention: config.Duration(time.Minute - 1)}, []string{"TOMBSTONE_RETENTION"}},
		"negative":           {Config{ClusterName: "east", Interval: -1}, []string{"SYNC_INTERVAL"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.ErrorOrNil(t, test.cfg.Validate(), test.want...)
		})
	}
}
