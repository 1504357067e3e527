package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestRun keeps the measurement working: a small run prints a line for each command.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out strings.Builder
	if err := run(ctx, options{components: 50, rounds: 1}, &out); err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		if !strings.Contains(out.String(), "ctl "+command+" ") {
			t.Errorf("no figure of ctl %s:\n%s", command, out.String())
		}
	}
}
