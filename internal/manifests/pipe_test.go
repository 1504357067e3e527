//go:build unix

package manifests_test

import (
	"syscall"
	"testing"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	do(t, syscall.Mkfifo(path, 0o644))
}
