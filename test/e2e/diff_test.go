package e2e

import (
	"fmt"
	"strings"
	"testing"

	"odasync/test/testenv"
)

// TestDiff_NamesWhatLags compares cluster, stream and registry with all programs running, then without the syncer, then without the
// watcher.
func TestDiff_NamesWhatLags(t *testing.T) {
	env := newParallel(t, "e2e-diff", "e2e-diff-too")
	first, second := testenv.Component("e2e-diff", "first", "1", "orders"), testenv.Component("e2e-diff-too", "second.too", "1")
	env.Apply(first, second)
	watcher, syncer := env.StartPair()
	env.AwaitDone(testenv.Timeout)
	env.ExpectText(env.MustCTL(0, "diff"), "components compared in cluster, stream and registry: 2, differing: 0")
	env.ExpectText(env.MustCTL(0, "diff second.too"), ": 1, differing: 0")

	env.Must(syncer.Stop())
	env.Apply(testenv.Component("e2e-diff", "first", "2", "orders", "offers"))
	js := env.JetStream()
	env.Eventually(testenv.Timeout, "the change is published", func() error {
		log, err := js.Stream(env.Context(), "ODA_COMPONENTS")
		if err != nil {
			return err
		}
		newest, err := log.GetLastMsgForSubject(env.Context(), "oda.components.v1.lab.e2e-diff.first")
		if err == nil && !strings.Contains(string(newest.Data), `"version":"2"`) {
			err = fmt.Errorf("the newest is %s", newest.Data)
		}
		return err
	})
	env.ExpectText(env.MustCTL(1, "diff"), "differing: 1",
		"e2e-diff first stream/registry label component-version 2 <> 1",
		"e2e-diff first stream/registry api offers missing in registry")
	env.ExpectText(env.MustCTL(0, "events first"), "first known", "version 1 -> 2, +api offers")

	env.Must(watcher.Stop())
	env.Delete(second)
	env.ExpectText(env.MustCTL(1, "diff second.too -n e2e-diff-too"), "e2e-diff-too second.too cluster/stream component only in stream")
}
