package watcher

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/testwait"
)

// expectUnpublished waits until the watcher reports exactly these components, as name and reason.
func (b *harness) expectUnpublished(t testing.TB, want ...string) {
	t.Helper()
	testwait.Empty(t, func() string {
		all, _ := b.watcher.Unpublished(component.Key{}, 100)
		got := []string{}
		for _, u := range all {
			got = append(got, fmt.Sprint(u.Name, " ", u.Reason))
		}
		return cmp.Diff(append([]string{}, want...), got)
	})
}

func TestWatcher_Unpublished(t *testing.T) {
	t.Parallel()
	all, huge := all, large(2<<20)
	tests := map[string]func(l *term) (remaining []string){
		"when nothing changes": func(l *term) []string {
			l.resync(all, seen("good", "A"), seen("huge", huge), malformed("odd"), malformed("was-good"))
			return []string{"huge too_large", "odd malformed", "was-good malformed"}
		},
		"when the content is as published again": func(l *term) []string {
			l.observe(seen("was-good", "A"), seen("huge", "small"), seen("odd", "B"))
			return nil
		},
		"when a published one is too large and then as before": func(l *term) []string {
			l.observed(seen("good", huge))
			l.b.expectUnpublished(l.t, "good too_large", "huge too_large", "odd malformed", "was-good malformed")
			l.observe(seen("good", "A"))
			return []string{"huge too_large", "odd malformed", "was-good malformed"}
		},
		"when they are deleted": func(l *term) []string {
			l.observe(deleted("odd"), deleted("huge"), deleted("was-good"))
			return nil
		},
		"when they are absent from a resync": func(l *term) []string {
			l.resync(all, seen("good", "A"), malformed("was-good"))
			return []string{"was-good malformed"}
		},
		"when a too large one cannot be read": func(l *term) []string {
			l.observe(malformed("huge"))
			return []string{"huge malformed", "odd malformed", "was-good malformed"}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			b, l := newTerm(t)
			l.resync(all, seen("good", "A"), seen("huge", huge), malformed("odd"), seen("was-good", "A"))
			l.observe(malformed("was-good"))
			b.expectUnpublished(t, "huge too_large", "odd malformed", "was-good malformed")
			remaining := change(l)
			b.expectUnpublished(t, remaining...)
		})
	}
}

func TestWatcher_Unpublished_PendingApproval(t *testing.T) {
	b, l := newTerm(t)
	l.resynced(all, seen("a", "A"), seen("b", "A"))
	l.resync(all)
	b.expectUnpublished(t, "a pending_approval", "b pending_approval")
	page, more := b.watcher.Unpublished(component.Key{}, 1)
	if !more || len(page) != 1 || page[0].Name != "a" || !strings.HasSuffix(page[0].Message, "approval "+b.watcher.PendingDeletion().ID) {
		t.Errorf("the first page: %+v, more %t", page, more)
	}
	page, more = b.watcher.Unpublished(component.Key{Namespace: page[0].Namespace, Name: "a"}, 1)
	if more || len(page) != 1 || page[0].Name != "b" {
		t.Errorf("the second page: %+v, more %t", page, more)
	}
	l.observe(seen("a", "A"))
	b.expectUnpublished(t, "b pending_approval")
	if err := l.end(); err != nil {
		t.Error(err)
	}
	b.expectUnpublished(t)
}
