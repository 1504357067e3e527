package syncer

import (
	"testing"
	"time"
)

func TestSyncer_LivenessFollowsTheHeartbeat(t *testing.T) {
	tests := map[string]struct {
		age   time.Duration // of the last heartbeat; 0 for none so far
		stuck bool
	}{
		"when there was none yet":  {0, false},
		"when it was a moment ago": {time.Second, false},
		"when some are missing":    {29 * time.Second, false},
		"when it has stopped":      {31 * time.Second, true},
		"when it stopped long ago": {time.Hour, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &Syncer{timing: Timing{Heartbeat: time.Second}}
			if test.age > 0 {
				s.beat.Store(time.Now().Add(-test.age).UnixNano())
			}
			if err := s.Liveness(); (err != nil) != test.stuck {
				t.Errorf("got %v", err)
			}
		})
	}
}
