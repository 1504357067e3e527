package faults

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// variable parses an environment variable, or returns the default when it is not set. An invalid value fails the test.
func variable[T any](t *testing.T, name string, otherwise T, parse func(string) (T, error), allowed string) T {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := parse(text)
	if err != nil {
		t.Fatalf("%s is %q: %s", name, text, allowed)
	}
	return value
}

func duration(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	value := variable(t, name, otherwise, time.ParseDuration, "such as 10m")
	if value < 0 {
		t.Fatalf("%s is %s: such as 10m", name, value)
	}
	return value
}

func seed(t *testing.T) uint64 {
	t.Helper()
	return variable(t, "FAULTS_SEED", rand.Uint64(), func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }, "a whole number")
}

// nodes is the number of nats-servers in the soak test.
func nodes(t *testing.T) int {
	t.Helper()
	count := variable(t, "FAULTS_NODES", 3, strconv.Atoi, "1 or 3")
	if count != 1 && count != 3 {
		t.Fatalf("FAULTS_NODES is %d: 1 or 3", count)
	}
	return count
}

func freezes(t *testing.T) bool {
	t.Helper()
	return variable(t, "FAULTS_FREEZES", true, strconv.ParseBool, "true or false")
}
