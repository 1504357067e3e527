package explain_test

import (
	"strings"
	"testing"
	"time"

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/explain"
	"odasync/internal/target"
)

var (
	now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key = component.Key{Cluster: "default", Namespace: "shop", Name: "catalog"}
)

// inSync are the facts of a component that is in sync, changed.
func inSync(change func(f *explain.Facts)) *explain.Facts {
	f := &explain.Facts{
		Key: key, Target: "default", Now: now, Verified: now.Add(-2 * time.Minute),
		Head: event.Head{Key: key, Sequence: 7, Hash: "h", Time: now.Add(-time.Hour)},
		Sync: target.State{Key: key, Sequence: 7, Outcome: target.OutcomeApplied, Hash: "h", Updated: now.Add(-time.Hour)},
		Watchers: []control.WatcherStatus{
			{ProcessStatus: control.ProcessStatus{ID: "w2"}, Cluster: "default"},
			{ProcessStatus: control.ProcessStatus{ID: "w1", Ready: true}, Cluster: "default", Leader: true, Namespaces: "shop,oda*"},
		},
		Syncers: []control.SyncerStatus{
			{ProcessStatus: control.ProcessStatus{ID: "s2", Problems: []string{"not ours"}}, Target: "other"},
			{ProcessStatus: control.ProcessStatus{ID: "s1", Ready: true}, Target: "default", Registry: "http://registry:8000", Breaker: "closed"},
		},
		FullSync: &event.Snapshot{Unlisted: []string{"elsewhere"}},
	}
	if change != nil {
		change(f)
	}
	return f
}

// pending makes the newest event one without an outcome.
func pending(f *explain.Facts) { f.Sync.Sequence, f.Sync.Hash = 3, "older" }

func rejected(reason target.Class) func(f *explain.Facts) {
	return func(f *explain.Facts) {
		f.Sync.Outcome, f.Sync.Reason, f.Sync.Error = target.OutcomeFailed, reason, "apply default/shop/catalog: POST /components/: HTTP 422: name too long"
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	unknown := func(f *explain.Facts) { f.Head, f.Sync = event.Head{}, target.State{} }
	tests := map[string]struct {
		change func(f *explain.Facts)
		state  string
		cause  explain.Cause
		inSync bool
		says   string // parts of the sentence, in order
	}{
		"when it is in sync": {nil, explain.Synced, explain.CauseInSync, true, "shop/catalog is in sync with target default|sequence 7|verified 2m ago"},
		"when it is deleted": {func(f *explain.Facts) {
			f.Head.Deleted, f.Head.Hash, f.Sync.Outcome, f.Sync.Hash = true, "", "deleted", ""
		}, explain.Deleted, explain.CauseDeleted, true, "deleted"},
		"when it is pending":               {func(f *explain.Facts) { pending(f); f.Backlog = 12 }, explain.Pending, explain.CausePending, false, "is not in sync|sequence 7, for 60m|not applied yet|12 messages|wait"},
		"when it is retried":               {func(f *explain.Facts) { pending(f); f.Sync.Intent, f.Sync.Attempts, f.Sync.Error = 7, 4, "HTTP 500" }, explain.Retrying, explain.CauseRetrying, false, "attempt 4|HTTP 500"},
		"when it was restored":             {func(f *explain.Facts) { f.Sync.Sequence = 9 }, explain.Pending, explain.CauseRestored, false, "sequence 7, applied 9|ctl reconcile"},
		"when another content was applied": {func(f *explain.Facts) { f.Sync.Hash = "other" }, explain.Pending, explain.CauseRestored, false, "restored"},
		"when the breaker is open": {func(f *explain.Facts) {
			pending(f)
			f.Syncers[1].Breaker, f.Syncers[1].BreakerSince, f.Syncers[1].BreakerReason = "open", now.Add(-30*time.Second), "GET /health: connection refused"
		}, explain.Pending, explain.CauseRegistryDown, false, "http://registry:8000, is unavailable, for 30s|connection refused|by itself"},
		"when the registry is half open": {func(f *explain.Facts) { pending(f); f.Syncers[1].Breaker = "half_open" }, explain.Pending, explain.CauseRegistryDown, false, "unavailable"},
		"when the credentials are wrong": {func(f *explain.Facts) {
			pending(f)
			f.Sync.Intent, f.Sync.Error, f.Sync.Reason = 7, "HTTP 401", target.ClassUnauthorized
			f.Syncers[1].Breaker, f.Syncers[1].BreakerReason = "open", "HTTP 401"
		}, explain.Retrying, explain.CauseUnauthorized, false, "is unavailable: HTTP 401|correct the credentials"},
		"when no syncer runs":        {func(f *explain.Facts) { pending(f); f.Syncers = f.Syncers[:1] }, explain.Pending, explain.CauseNoSyncer, false, "not applied yet, and no syncer of target \"default\" is running; start one"},
		"when a syncer is not ready": {func(f *explain.Facts) { pending(f); f.Syncers[1].Problems = []string{"broker: no"} }, explain.Pending, explain.CauseSyncerNotReady, false, "a syncer of target \"default\" is not ready: broker: no"},
		"when one of two syncers is not ready": {func(f *explain.Facts) {
			pending(f)
			f.Syncers = append(f.Syncers, control.SyncerStatus{Target: "default", ProcessStatus: control.ProcessStatus{Problems: []string{"broker: no"}}})
		}, explain.Pending, explain.CausePending, false, "not applied yet"},
		"when it is rejected":              {rejected(target.ClassInvalid), explain.Failed, explain.CauseRejected, false, "rejects it: POST /components/: HTTP 422: name too long; correct|ctl sync catalog -n shop"},
		"when its name is taken":           {rejected(target.ClassNameConflict), explain.Failed, explain.CauseNameTaken, false, "another owner|COMPONENT_REGISTRY_NAME"},
		"when it is poison":                {rejected(target.ClassPoison), explain.Failed, explain.CauseRejected, false, "fails for this component and takes others"},
		"when its entry keeps changing":    {rejected(target.ClassConflict), explain.Failed, explain.CauseRejected, false, "kept changing"},
		"when its dead letter was dropped": {func(f *explain.Facts) { rejected(target.ClassInvalid)(f); f.Sync.Dismissed = true }, explain.Dismissed, explain.CauseDismissed, false, "rejects it|dead letter was dropped|ctl sync"},
		"when the event is malformed":      {func(f *explain.Facts) { f.Head.Hash, f.Undecodable = "", "not JSON" }, explain.Malformed, explain.CauseMalformed, false, "sequence 7|not JSON|sync --all"},
		"when the resource is malformed": {func(f *explain.Facts) {
			f.Unpublished = &component.Unpublished{Reason: component.Malformed, Message: "spec: is missing"}
		}, explain.Malformed, explain.CauseMalformed, false, "spec: is missing|keep its last state|correct the component"},
		"when it was never published": {func(f *explain.Facts) {
			unknown(f)
			f.Unpublished = &component.Unpublished{Reason: component.Malformed, Message: "spec: is missing"}
		}, explain.Malformed, explain.CauseMalformed, false, "never published"},
		"when it is too large": {func(f *explain.Facts) {
			f.Unpublished = &component.Unpublished{Reason: component.TooLarge, Message: "2 MB"}
		}, explain.TooLarge, explain.CauseTooLarge, false, "too large|2 MB|max_payload"},
		"when its deletion is pending": {func(f *explain.Facts) {
			f.Unpublished = &component.Unpublished{Reason: component.PendingApproval, Message: "its deletion waits for approval abc"}
		}, explain.PendingApproval, explain.CauseApproval, false, "gone from the cluster|approval abc|ctl approve"},
		"when it is an orphan":           {func(f *explain.Facts) { unknown(f); f.Orphan = "abc" }, explain.PendingApproval, explain.CauseApproval, false, "only the registry|ctl approve abc"},
		"when another program writes it": {func(f *explain.Facts) { f.Sync.Overwritten = 3 }, explain.Synced, explain.CauseContested, false, "last 3 comparisons|another program writes the same entries"},
		"when no watcher leads":          {func(f *explain.Facts) { f.Watchers = f.Watchers[:1] }, explain.Synced, explain.CauseNoLeader, false, "newest published state, but no watcher leads cluster default"},
		"when the watcher is not ready": {func(f *explain.Facts) {
			f.Watchers[1].Ready, f.Watchers[1].Problems = false, []string{"API server: no"}
		}, explain.Synced, explain.CauseWatcherNotReady, false, "w1 is not ready: API server: no"},
		"when the namespace is not watched":  {func(f *explain.Facts) { f.Watchers[1].Namespaces = "oda*" }, explain.Synced, explain.CauseNotWatched, false, "does not watch namespace shop|KUBERNETES_NAMESPACE, which is oda*"},
		"when the namespace is not listed":   {func(f *explain.Facts) { f.FullSync.Unlisted = []string{"shop"} }, explain.Synced, explain.CauseNotListed, false, "could not list shop"},
		"when an older watcher leads":        {func(f *explain.Facts) { f.Watchers[1].Namespaces = "" }, explain.Synced, explain.CauseInSync, true, "in sync"},
		"when the component is unknown":      {unknown, "", explain.CauseUnknown, false, "no such component in namespace shop|ctl list"},
		"when only the name is known":        {func(f *explain.Facts) { unknown(f); f.Key.Namespace = "" }, "", explain.CauseUnknown, false, "catalog is not in sync"},
		"when an unknown one is not watched": {func(f *explain.Facts) { unknown(f); f.Key.Namespace = "back" }, "", explain.CauseNotWatched, false, "does not watch namespace back"},
		"when an unknown one has no watcher": {func(f *explain.Facts) { unknown(f); f.Watchers = nil }, "", explain.CauseNoLeader, false, "no watcher leads"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := inSync(test.change)
			got := explain.Why(f)
			if got.State != test.state || got.Cause != test.cause || got.InSync != test.inSync {
				t.Errorf("state %q, cause %q, in sync %t; want %q, %q, %t", got.State, got.Cause, got.InSync, test.state, test.cause, test.inSync)
			}
			rest := got.Sentence(f)
			for part := range strings.SplitSeq(test.says, "|") {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Errorf("%q lacks %q, or lacks it there", got.Sentence(f), part)
				}
				rest = after
			}
			if !got.InSync && got.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}
