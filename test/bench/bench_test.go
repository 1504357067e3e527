package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestMain lets the test's program be the registry and the plain client, as bench is both.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-serve" || os.Args[1] == "-plain") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRun measures few components: the figures mean nothing, but every part of the measurement works, and the number of round
// trips does not depend on the machine.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), options{rounds: 1, components: 2000, settings: []string{"r1"}}, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	lines := regexp.MustCompile(`(?m)^BenchmarkApply/setting=r1/client=(plain-client|syncer)/workers=(16|64) 1 \d`)
	if got := len(lines.FindAll(out.Bytes(), -1)); got != 4 {
		t.Errorf("%d measurements, want 4 of plain client and syncer with 16 and 64 workers\n%s", got, &out)
	}
	found := regexp.MustCompile(`(?m)^syncer: (\S+) blocking round trips`).FindSubmatch(out.Bytes())
	if found == nil {
		t.Fatalf("no number of round trips\n%s", &out)
	}
	if trips, err := strconv.ParseFloat(string(found[1]), 64); err != nil || trips < 1 || trips > goalRoundTrips {
		t.Errorf("%s blocking round trips for each apply, want 1 to %d\n%s", found[1], goalRoundTrips, &out)
	}
}
