package syncer

import (
	"testing"
	"time"
)

func TestTurningTellsOfALostHeartbeat(t *testing.T) {
	tests := map[string]struct {
		age   time.Duration // of the last heartbeat; 0 for none so far
		stuck bool
	}{
		"before the first":  {0, false},
		"a moment ago":      {time.Second, false},
		"some were missed":  {29 * time.Second, false},
		"all stands still":  {31 * time.Second, true},
		"since a long time": {time.Hour, true},
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
