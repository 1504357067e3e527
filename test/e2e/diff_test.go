package e2e

import (
	"fmt"
	"strings"
	"testing"

	"odasync/test/testenv"
)

// said fails unless each of the words is in the text.
func (l *place) said(text string, words ...string) {
	l.Helper()
	for _, word := range words {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), word) {
			l.Errorf("no %q in:\n%s", word, text)
		}
	}
}

// TestDiffNamesWhatIsBehind compares cluster, stream and registry while all run, then without the syncer, then without
// the watcher.
func TestDiffNamesWhatIsBehind(t *testing.T) {
	t.Parallel()
	l := newLab(t, "e2e-diff", "e2e-diff-too")
	first, second := testenv.Component("e2e-diff", "first", "1", "orders"), testenv.Component("e2e-diff-too", "second.too", "1")
	l.Apply(first, second)
	watcher, syncer := l.StartPair()
	l.AwaitInSync(testenv.Timeout)
	l.AwaitAllAcked(testenv.Timeout)
	l.said(l.MustCTL(0, "diff"), "components compared in cluster, stream and registry: 2, differing: 0")
	l.said(l.MustCTL(0, "diff second.too"), ": 1, differing: 0")

	l.Must(syncer.Stop())
	l.Apply(testenv.Component("e2e-diff", "first", "2", "orders", "offers"))
	js := l.JetStream()
	l.Eventually(testenv.Timeout, "the watcher publishes the change", func() error {
		log, err := js.Stream(l.Context(), "ODA_COMPONENTS")
		if err != nil {
			return err
		}
		newest, err := log.GetLastMsgForSubject(l.Context(), "oda.components.v1.lab.e2e-diff.first")
		if err == nil && !strings.Contains(string(newest.Data), `"version":"2"`) {
			err = fmt.Errorf("the newest is %s", newest.Data)
		}
		return err
	})
	l.said(l.MustCTL(1, "diff"), "differing: 1",
		"e2e-diff first stream/registry label component-version 2 <> 1",
		"e2e-diff first stream/registry api offers missing in registry")
	l.said(l.MustCTL(0, "events first"), "first known", "version 1 -> 2, +api offers")

	l.Must(watcher.Stop())
	l.Delete(second)
	l.said(l.MustCTL(1, "diff second.too -n e2e-diff-too"), "e2e-diff-too second.too cluster/stream component only in stream")
}
