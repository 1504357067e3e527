package cli_test

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/testwait"
)

func TestSync_Interrupted(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.startWatcher(t, dir)
	testwait.Until(t, "the watcher verifies", func() bool {
		return strings.Contains(ctl(t, "sync", "catalog", "--timeout", "1s").stderr, "no outcome after 1s")
	})
	before, err := p.log.Messages(t.Context())
	must(t, err)
	r := start(t, "sync", "catalog", "--timeout", time.Hour.String())
	got := r.stopWhen(t, func() bool {
		now, err := p.log.Messages(t.Context())
		return err == nil && now > before
	})
	got.expect(t, 2, "interrupted before the outcome was known: `ctl list` shows it")
	if strings.Contains(got.stderr, "no outcome after") {
		t.Errorf("the timeout has not passed: %s", got.stderr)
	}
}
