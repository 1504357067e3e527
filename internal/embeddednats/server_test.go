package embeddednats_test

import (
	"net"
	"net/url"
	"strconv"
	"testing"

	"odasync/internal/embeddednats"
	"odasync/internal/testcheck"
)

func port(t *testing.T, s *embeddednats.Server) int {
	t.Helper()
	u, err := url.Parse(s.URL())
	testcheck.NoError(t, err)
	n, err := strconv.Atoi(u.Port())
	testcheck.NoError(t, err)
	return n
}

// TestStart_KeepsThePort also takes it in between.
func TestStart_KeepsThePort(t *testing.T) {
	dir := t.TempDir()
	first, err := embeddednats.Start(dir, 0)
	testcheck.NoError(t, err)
	kept := port(t, first)
	_, err = embeddednats.Start(dir, kept)
	testcheck.ErrorContains(t, err, "another process uses "+dir)
	testcheck.NoError(t, first.Stop())
	second, err := embeddednats.Start(dir, kept)
	testcheck.NoError(t, err)
	if got := port(t, second); got != kept {
		t.Errorf("the port is %d, was %d", got, kept)
	}
	testcheck.NoError(t, second.Stop())

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	testcheck.NoError(t, err)
	defer taken.Close()
	third, err := embeddednats.Start(dir, taken.Addr().(*net.TCPAddr).Port)
	testcheck.NoError(t, err)
	if got := port(t, third); got == taken.Addr().(*net.TCPAddr).Port {
		t.Errorf("the port %d is taken", got)
	}
	testcheck.NoError(t, third.Stop())
}
