package cli_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"odasync/internal/cli"
	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/target"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
)

// processes answer ctl's requests as the watcher and the syncer would.
type processes struct {
	read    func(key component.Key) (control.ReadResult, error)
	compare func(ctx context.Context, key component.Key) (target.Repair, error)
	// results are those of the reconciles, in turn.
	results []target.Reconciliation
	calls   *calls
}

// calls counts requests.
type calls struct{ Syncs, Reconciles int }

func (processes) Unpublished(component.Key, int) ([]component.Unpublished, bool) { return nil, false }

func (f processes) Read(_ context.Context, namespace, name string) (control.ReadResult, error) {
	return f.read(key(namespace, name))
}

func (f processes) FullSync(context.Context) (event.Snapshot, error) {
	if f.calls != nil {
		f.calls.Syncs++
	}
	return event.Snapshot{}, nil
}

func (processes) Pending() (*prune.PendingDeletion, []component.Key) { return nil, nil }

func (processes) PendingOrphans(context.Context, string) (*prune.PendingDeletion, []component.Key, error) {
	return nil, nil, nil
}

func (f processes) Compare(ctx context.Context, key component.Key) (target.Repair, error) {
	return f.compare(ctx, key)
}

func (f processes) Reconcile(context.Context, string, bool) (done target.Reconciliation, err error) {
	if len(f.results) > 0 {
		done = f.results[f.calls.Reconciles]
		f.calls.Reconciles++
	}
	return done, nil
}

// serve serves the requests until the test ends.
func (f processes) serve(t *testing.T, p *pipeline) {
	t.Helper()
	conn := p.nats.Conn(t).NATS()
	stopLeader, err := control.ServeLeader(context.Background(), conn, "default", f)
	must(t, err)
	t.Cleanup(stopLeader)
	stopReconciler, err := control.ServeReconciler(context.Background(), conn, "default", f)
	must(t, err)
	t.Cleanup(stopReconciler)
	must(t, conn.Flush())
}

func TestSync_PrintsWhatWasDone(t *testing.T) {
	applied := func(hash string) target.State {
		return target.State{Sequence: 1, Outcome: target.OutcomeApplied, Hash: hash}
	}
	removed := target.State{Sequence: 2, Outcome: target.OutcomeDeleted}
	later := func(s target.State) *target.State { s.Sequence = 2; return &s }
	tests := map[string]struct {
		before target.State
		change *target.State // by a syncer that applies a message meanwhile
		repair target.Repair
		want   string
	}{
		"when nothing differs":                 {before: applied("A"), want: "already in sync"},
		"when the entry was created":           {before: applied("A"), repair: target.Repair{Created: true, Writes: 3}, want: "created (3 writes)"},
		"when the entry was changed":           {before: applied("A"), repair: target.Repair{Writes: 1}, want: "updated (1 write)"},
		"when the entry was deleted":           {before: applied("A"), repair: target.Repair{Deleted: true, Writes: 2}, want: "deleted (2 writes)"},
		"when a syncer was faster":             {before: applied("A"), change: later(applied("B")), want: "updated"},
		"when a syncer was faster, creating":   {change: later(applied("B")), want: "created"},
		"when a syncer was faster, deleting":   {before: applied("A"), change: &removed, repair: target.Repair{Deleted: true}, want: "deleted"},
		"when a message changed nothing":       {before: applied("A"), change: later(applied("A")), want: "already in sync"},
		"when it had been deleted, and is new": {before: removed, change: &target.State{Sequence: 3, Outcome: target.OutcomeApplied, Hash: "A"}, want: "created"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.publish(t, content("shop", "catalog", "1"))
			save := func(s target.State) error {
				current, err := p.states.Load(context.Background(), key("shop", "catalog"))
				if err != nil {
					return err
				}
				s.Key, s.Revision = current.Key, current.Revision
				_, err = p.states.Save(context.Background(), s)
				return err
			}
			if test.before.Sequence > 0 {
				must(t, save(test.before))
			}
			processes{
				read: func(component.Key) (control.ReadResult, error) {
					if test.change != nil {
						return control.ReadResult{}, save(*test.change)
					}
					return control.ReadResult{}, nil
				},
				compare: func(context.Context, component.Key) (target.Repair, error) { return test.repair, nil },
			}.serve(t, p)
			got := ctl(t, "sync", "catalog")
			got.expect(t, 0)
			if want := "shop/catalog: " + test.want + "\n"; got.stdout != want {
				t.Errorf("stdout %q, want %q", got.stdout, want)
			}
		})
	}
}

func TestSync_NamesWhyAComponentIsNotInSync(t *testing.T) {
	read := func(component.Key) (control.ReadResult, error) { return control.ReadResult{Sequence: 1}, nil }
	hang := func(ctx context.Context, _ component.Key) (target.Repair, error) {
		<-ctx.Done()
		return target.Repair{}, ctx.Err()
	}
	tests := map[string]struct {
		processes
		state target.State
		want  string
	}{
		"when the watcher refuses": {
			processes: processes{read: func(component.Key) (control.ReadResult, error) { return control.ReadResult{}, errors.New("no cluster") }}, want: "ctl: no cluster",
		},
		"when another replica keeps the component": {
			processes: processes{read: read, compare: func(context.Context, component.Key) (target.Repair, error) { return target.Repair{}, target.ErrClaimed }},
			want:      "shop/catalog: " + target.ErrClaimed.Error(),
		},
		"when the registry fails": {
			processes: processes{read: read, compare: hang}, state: target.State{Intent: 1, Error: "HTTP 503"}, want: "not in sync after 1s, the syncer keeps retrying: HTTP 503",
		},
		"when no syncer has begun": {processes: processes{read: read, compare: hang}, want: "no outcome after 1s: no syncer of target \"default\" is running"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.publish(t, content("shop", "catalog", "1"))
			if test.state.Key = key("shop", "catalog"); test.state.Intent > 0 {
				p.record(t, test.state)
			}
			test.serve(t, p)
			ctl(t, "sync", "catalog", "--timeout", "1s").expect(t, 1, test.want)
		})
	}
}

// The comparisons of a namespace run several at a time, and all are reported.
func TestSync_Namespace(t *testing.T) {
	p := newPipeline(t)
	for n := range 40 {
		p.publish(t, content("shop", fmt.Sprintf("c-%02d", n), "1"))
	}
	p.publish(t, content("other", "catalog", "1"))
	processes{compare: func(_ context.Context, k component.Key) (target.Repair, error) {
		switch {
		case k.Namespace != "shop":
			return target.Repair{}, fmt.Errorf("%s was not selected", k)
		case k.Name == "c-07":
			return target.Repair{}, errors.New("HTTP 500")
		case k.Name == "c-30":
			return target.Repair{Writes: 2}, nil
		}
		return target.Repair{}, nil
	}}.serve(t, p)
	got := ctl(t, "sync", "--all", "-n", "shop")
	got.expect(t, 1, "shop/c-07: HTTP 500")
	if want := "shop/c-30: updated (2 writes)\n38 of 40 components already in sync\n"; got.stdout != want {
		t.Errorf("stdout %q, want %q", got.stdout, want)
	}
	got = ctl(t, "sync", "--all", "-n", "shop", "-o", "json")
	got.expect(t, 1, "shop/c-07: HTTP 500")
	var all []cli.Synced
	if got.decode(t, &all); len(all) != 40 || all[7].Error != "HTTP 500" || all[7].Outcome != "failed" || all[30].Writes != 2 {
		t.Errorf("results %+v", all)
	}
}

func TestSync_Interrupted(t *testing.T) {
	p := newPipeline(t)
	p.publish(t, content("shop", "catalog", "1"))
	asked := make(chan struct{})
	processes{
		read: func(component.Key) (control.ReadResult, error) { return control.ReadResult{}, nil },
		compare: func(ctx context.Context, _ component.Key) (target.Repair, error) {
			close(asked)
			<-ctx.Done()
			return target.Repair{}, ctx.Err()
		},
	}.serve(t, p)
	r := start(t, "sync", "catalog", "--timeout", time.Hour.String())
	select {
	case <-asked:
	case <-time.After(testwait.Limit):
		t.Fatal("nothing was asked")
	}
	r.cancel()
	got := r.wait(t)
	got.expect(t, 130, "interrupted: the outcome is not known yet: `ctl list` shows it")
	if strings.Contains(got.stderr, "no outcome after") {
		t.Errorf("the timeout has not passed: %s", got.stderr)
	}
}

// TestReconcile_SyncerNotReady waits for a syncer that is about to open its stream, but not for a registry.
func TestReconcile_SyncerNotReady(t *testing.T) {
	for name, test := range map[string]struct {
		problem string
		asks    int // for the status, before a syncer serves reconciles
		code    int
		says    string
	}{
		"when the stream is opened": {problem: "stream: not open yet", asks: 2, code: 0},
		"when the registry is down": {
			problem: "registry: connection refused", code: 2, says: `a syncer of target "default" is not ready: registry: connection refused`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.publish(t, content("shop", "catalog", "1"))
			asked := make(chan struct{}, 100)
			stop, err := control.ServeStatus(p.nats.Conn(t).NATS(), control.ProcessSyncer, func(context.Context) any {
				asked <- struct{}{}
				return control.SyncerStatus{ProcessStatus: control.ProcessStatus{Problems: []string{test.problem}}, Target: "default"}
			})
			must(t, err)
			t.Cleanup(stop)
			command := start(t, "reconcile")
			testwait.Until(t, "the requests for the status", func() bool { return len(asked) >= test.asks })
			if test.code == 0 {
				processes{}.serve(t, p)
			}
			command.wait(t).expect(t, test.code, test.says)
		})
	}
}

// TestSync_AllWithoutSnapshot repeats the full sync if the syncer opened the stream after it, and says if orphans are kept even so.
func TestSync_AllWithoutSnapshot(t *testing.T) {
	early := target.Reconciliation{Orphans: 3}
	for name, test := range map[string]struct {
		results []target.Reconciliation
		code    int
		want    calls
		says    string
	}{
		"when the first is relied on":  {[]target.Reconciliation{{ID: "a"}}, 0, calls{1, 1}, ""},
		"when the second is relied on": {[]target.Reconciliation{early, {ID: "b"}}, 0, calls{2, 2}, ""},
		"when none is relied on":       {[]target.Reconciliation{early, early}, 1, calls{2, 2}, "orphans are kept"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			var got calls
			processes{results: test.results, calls: &got}.serve(t, p)
			ctl(t, "sync", "--all").expect(t, test.code, test.says)
			testcheck.Equal(t, "requests", test.want, got)
		})
	}
}
