package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/target"
)

// Facts are what is known about a component, its cluster and its target.
type Facts struct {
	Key    component.Key
	Target string
	// Head is the newest message of the component in the stream; its sequence is 0 for none. Undecodable is why the message cannot
	// be decoded; empty if it can be.
	Head        event.Head
	Undecodable string
	// Sync is the sync state in the target, read before the head.
	Sync target.State
	// Unpublished is why the state in the cluster is not in the stream; nil if it is.
	Unpublished *component.Unpublished
	// Orphan is the id of the approval that the deletion of the entry waits for; empty for none.
	Orphan string
	// Verified is when the registry was last known to have the component; zero for never.
	Verified time.Time
	// Watchers and Syncers are all that responded, of every cluster and target.
	Watchers []control.WatcherStatus
	Syncers  []control.SyncerStatus
	// FullSync is the last one of the cluster; nil for none.
	FullSync *event.Snapshot
	// Backlog is the number of messages that the target's syncers have not finished.
	Backlog uint64
	Now     time.Time
}

// Cause is why a component is in sync or not.
type Cause string

// The causes.
const (
	CauseInSync          Cause = "in_sync"
	CauseDeleted         Cause = "deleted"
	CauseUnknown         Cause = "unknown_component"
	CauseNoLeader        Cause = "no_leader"
	CauseWatcherNotReady Cause = "watcher_not_ready"
	CauseNotWatched      Cause = "namespace_not_watched"
	CauseNotListed       Cause = "namespace_not_listed"
	CauseMalformed       Cause = "malformed"
	CauseTooLarge        Cause = "too_large"
	CauseApproval        Cause = "pending_approval"
	CauseRejected        Cause = "rejected"
	CauseNameTaken       Cause = "name_conflict"
	CauseDismissed       Cause = "dismissed"
	CauseRestored        Cause = "stream_restored"
	CauseNoSyncer        Cause = "no_syncer"
	CauseSyncerNotReady  Cause = "syncer_not_ready"
	CauseRegistryDown    Cause = "registry_unavailable"
	CauseUnauthorized    Cause = "registry_unauthorized"
	CauseRetrying        Cause = "retrying"
	CausePending         Cause = "pending"
	CauseContested       Cause = "second_writer"
)

// Answer is why a component is in sync or not.
type Answer struct {
	// State is one of the states of a component; empty if it is not known at all.
	State  string
	InSync bool
	Cause  Cause
	// Reason describes the cause, Remedy what to do; empty for nothing.
	Reason, Remedy string
}

// Sentence is the answer as one sentence.
func (a Answer) Sentence(f *Facts) string {
	verdict := "is not in sync with"
	if a.InSync {
		verdict = "is in sync with"
	}
	text := fmt.Sprintf("%s/%s %s target %s: %s", f.Key.Namespace, f.Key.Name, verdict, f.Target, a.Reason)
	if f.Key.Namespace == "" {
		text = strings.TrimPrefix(text, "/")
	}
	if a.Remedy != "" {
		text += "; " + a.Remedy
	}
	return text
}

// Why explains why the component is in sync or not.
func Why(f *Facts) Answer {
	for _, explain := range []func(*Facts) (Answer, bool){unknown, unpublished, orphan, malformed, failed, waiting, unwatched, contested} {
		if a, found := explain(f); found {
			return a
		}
	}
	if f.Head.Deleted {
		return Answer{Deleted, true, CauseDeleted, fmt.Sprintf("it was deleted from the cluster and from the registry (sequence %d)", f.Sync.Sequence), ""}
	}
	reason := fmt.Sprintf("the registry has its newest state (sequence %d)", f.Sync.Sequence)
	if !f.Verified.IsZero() {
		reason += fmt.Sprintf(", verified %s ago", f.age(f.Verified))
	}
	return Answer{Synced, true, CauseInSync, reason, ""}
}

func (f *Facts) age(then time.Time) string { return duration.HumanDuration(f.Now.Sub(then)) }

// failure is the failure of the last attempt; empty for none.
func (f *Facts) failure() string { return Failure(f.Key, f.Sync.Error) }

// Failure returns the failure of an attempt without the component, for a text that names it anyway.
func Failure(key component.Key, text string) string {
	for _, verb := range []string{"apply", "delete"} {
		if rest, found := strings.CutPrefix(text, verb+" "+key.String()+": "); found {
			return rest
		}
	}
	return text
}

// leader is the watcher that leads the cluster; nil for none.
func (f *Facts) leader() *control.WatcherStatus {
	at := slices.IndexFunc(f.Watchers, func(w control.WatcherStatus) bool { return w.Leader && w.Cluster == f.Key.Cluster })
	if at < 0 {
		return nil
	}
	return &f.Watchers[at]
}

// unknown explains a component that neither the stream nor the watcher knows.
func unknown(f *Facts) (Answer, bool) {
	if f.Head.Sequence != 0 || f.Unpublished != nil || f.Orphan != "" {
		return Answer{}, false
	}
	if a, found := unseen(f); found {
		return a, true
	}
	reason := fmt.Sprintf("cluster %s has no such component", f.Key.Cluster)
	if f.Key.Namespace != "" {
		reason += " in namespace " + f.Key.Namespace
	}
	return Answer{"", false, CauseUnknown, reason, "`ctl list` shows the components"}, true
}

// unwatched explains a component in sync with the stream whose changes in the cluster are not seen.
func unwatched(f *Facts) (Answer, bool) {
	a, found := unseen(f)
	if a.State = StateOf(f.Head, f.Sync); a.State == Synced && found {
		a.Reason = "the registry has the newest published state, but " + a.Reason
	}
	return a, found
}

// unseen explains why changes of the component in the cluster are not seen.
func unseen(f *Facts) (Answer, bool) {
	leader := f.leader()
	switch {
	case leader == nil:
		return Answer{"", false, CauseNoLeader, fmt.Sprintf("no watcher leads cluster %s, so its changes are not seen", f.Key.Cluster), "start a watcher, or set CLUSTER_NAME to another cluster"}, true
	case f.Key.Namespace != "" && !watches(leader.Namespaces, f.Key.Namespace):
		return Answer{
			"", false, CauseNotWatched, fmt.Sprintf("watcher %s does not watch namespace %s", leader.ID, f.Key.Namespace),
			fmt.Sprintf("add it to the watcher's KUBERNETES_NAMESPACE, which is %s", leader.Namespaces),
		}, true
	case !leader.Ready && len(leader.Problems) > 0:
		return Answer{"", false, CauseWatcherNotReady, fmt.Sprintf("watcher %s is not ready: %s", leader.ID, strings.Join(leader.Problems, "; ")), "`ctl test` checks what it needs"}, true
	case f.FullSync != nil && !f.FullSync.Lists(f.Key.Namespace):
		return Answer{
			"", false, CauseNotListed, fmt.Sprintf("the last full sync could not list %s", strings.Join(f.FullSync.Unlisted, ", ")),
			"`ctl test` checks the permissions, and the watcher's log has the error",
		}, true
	}
	return Answer{}, false
}

// watches reports whether the namespace is one of a watcher's; a watcher that does not report them watches any.
func watches(namespaces, namespace string) bool {
	scope, err := component.ParseScope(namespaces)
	return namespaces == "" || err != nil || scope.Contains(namespace)
}

// unpublished explains a component whose state in the cluster is not in the stream.
func unpublished(f *Facts) (Answer, bool) {
	if f.Unpublished == nil {
		return Answer{}, false
	}
	keeps := "it was never published"
	if f.Head.Sequence != 0 && !f.Head.Deleted {
		keeps = "stream and registry keep its last state"
	}
	message := f.Unpublished.Message
	switch f.Unpublished.Reason {
	case component.TooLarge:
		return Answer{TooLarge, false, CauseTooLarge, "its event is too large for the NATS server: " + message + "; " + keeps, "make the component smaller, or raise max_payload of the NATS server"}, true
	case component.PendingApproval:
		return Answer{PendingApproval, false, CauseApproval, "it is gone from the cluster, and " + cmp.Or(message, "its deletion waits for an approval"), "run `ctl approve` if the deletion is intended"}, true
	}
	return Answer{Malformed, false, CauseMalformed, "the resource cannot be read: " + message + "; " + keeps, "correct the component in the cluster"}, true
}

// orphan explains an entry without a component.
func orphan(f *Facts) (Answer, bool) {
	if f.Orphan == "" {
		return Answer{}, false
	}
	return Answer{
		PendingApproval, false, CauseApproval, "only the registry has it, and its deletion there waits for approval " + f.Orphan,
		fmt.Sprintf("run `ctl approve %s` if the deletion is intended", f.Orphan),
	}, true
}

// malformed explains a message that cannot be decoded.
func malformed(f *Facts) (Answer, bool) {
	if StateOf(f.Head, f.Sync) != Malformed {
		return Answer{}, false
	}
	reason := cmp.Or(f.Undecodable, f.failure(), "it has no hash")
	return Answer{
		Malformed, false, CauseMalformed, fmt.Sprintf("its newest event (sequence %d) cannot be decoded: %s", f.Head.Sequence, reason),
		"`ctl sync --all` has the watcher publish it again",
	}, true
}

// failed explains a component that the registry does not take.
func failed(f *Facts) (Answer, bool) {
	state := StateOf(f.Head, f.Sync)
	if state != Failed && state != Dismissed {
		return Answer{}, false
	}
	name := f.Key.Namespace + "/" + f.Key.Name
	retry := fmt.Sprintf("run `ctl sync %s -n %s`", f.Key.Name, f.Key.Namespace)
	reason := fmt.Sprintf("the registry rejects it: %s", f.failure())
	a := Answer{state, false, CauseRejected, reason, "correct the component, or fix the registry and " + retry}
	switch {
	case state == Dismissed:
		a.Cause, a.Reason = CauseDismissed, reason+"; its dead letter was dropped"
	case f.Sync.Reason == target.ClassNameConflict:
		a.Cause, a.Reason = CauseNameTaken, "another owner has its name in the registry: "+f.failure()
		a.Remedy = "remove or rename the other entry, or give odasync's another COMPONENT_REGISTRY_NAME, and " + retry
	case f.Sync.Reason == target.ClassPoison:
		a.Reason = "the registry fails for this component and takes others: " + f.failure()
		a.Remedy = "look into the registry's log for " + name + ", and " + retry
	case f.Sync.Reason == target.ClassConflict:
		a.Reason = "its entry kept changing while it was written: " + f.failure()
		a.Remedy = "stop the other writer, and " + retry
	}
	return a, true
}

// waiting explains a message without an outcome: nearest to the registry first, since a syncer that runs knows best.
func waiting(f *Facts) (Answer, bool) {
	state := StateOf(f.Head, f.Sync)
	if state != Pending && state != Retrying {
		return Answer{}, false
	}
	what := fmt.Sprintf("its newest event (sequence %d%s) is not applied yet", f.Head.Sequence, f.since(f.Head.Time))
	if a, found := Stopped(f.Target, f.Syncers, f.Now); found {
		a.State = state
		switch {
		case a.Cause == CauseNoSyncer:
			a.Reason = what + ", and " + a.Reason
		case a.Cause == CauseRegistryDown && f.Sync.Reason == target.ClassUnauthorized:
			a.Cause, a.Remedy = CauseUnauthorized, "correct the credentials of the syncer; `ctl test` checks them"
		}
		return a, true
	}
	switch {
	case Outdated(f.Head, f.Sync):
		return Answer{
			state, false, CauseRestored, fmt.Sprintf("the stream is older than the sync state (sequence %d, applied %d): it was restored", f.Head.Sequence, f.Sync.Sequence),
			"`ctl reconcile` compares the registry with it now",
		}, true
	case state == Retrying:
		return Answer{
			state, false, CauseRetrying, fmt.Sprintf("attempt %d to apply its newest event (sequence %d) failed: %s", f.Sync.Attempts, f.Head.Sequence, f.failure()),
			"the syncer keeps retrying; correct what the registry reports if it persists",
		}, true
	}
	return Answer{state, false, CausePending, fmt.Sprintf("%s; the syncers have %d messages to do", what, f.Backlog), "wait, or see `ctl status`"}, true
}

// Stopped explains why no syncer of the target applies anything; false if nothing is known to stop it. A registry that one of
// several syncers has found unavailable will be found so by the others.
func Stopped(name string, syncers []control.SyncerStatus, now time.Time) (Answer, bool) {
	a, stopped := Answer{"", false, CauseNoSyncer, fmt.Sprintf("no syncer of target %q is running", name), "start one, or select another target with --target"}, true
	for _, y := range syncers {
		switch {
		case y.Target != name:
		case y.Breaker != "" && y.Breaker != breakerClosed:
			return Answer{
				"", false, CauseRegistryDown, fmt.Sprintf("the registry of target %q, %s, is unavailable%s: %s", name, y.Registry, lasting(y.BreakerSince, now), y.BreakerReason),
				"bring the registry back; the syncer then continues by itself",
			}, true
		case len(y.Problems) == 0:
			stopped = false
		default:
			a = Answer{"", false, CauseSyncerNotReady, fmt.Sprintf("a syncer of target %q is not ready: %s", name, strings.Join(y.Problems, "; ")), "`ctl test` checks what it needs"}
		}
	}
	return a, stopped
}

// breakerClosed is the state of a circuit breaker that lets everything pass.
const breakerClosed = "closed"

func (f *Facts) since(then time.Time) string { return lasting(then, f.Now) }

// lasting is how long something has lasted, behind a comma; empty for the zero time.
func lasting(then, now time.Time) string {
	if then.IsZero() {
		return ""
	}
	return ", for " + duration.HumanDuration(now.Sub(then))
}

// contested explains an entry that another program writes too.
func contested(f *Facts) (Answer, bool) {
	if f.Sync.Overwritten == 0 {
		return Answer{}, false
	}
	return Answer{
		Synced, false, CauseContested, fmt.Sprintf("another program keeps writing over its entry: the last %d comparisons found it changed", f.Sync.Overwritten), target.SecondWriter,
	}, true
}
