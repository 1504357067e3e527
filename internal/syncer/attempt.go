package syncer

import (
	"context"
	"errors"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/target"
)

// job is the request to bring one component's state into the registry.
type job struct {
	key component.Key
	// event is the message to apply; nil compares the registry with the stream's newest message, whatever the sync state says.
	event *event.Event
	// malformed is why the event could not be decoded; it then has only its key and sequence.
	malformed error
	first     bool          // the event was published as the first one of its key
	listed    target.Listed // what a listing of the registry shows, used where the sync state has nothing
	now       bool          // read the entry itself, where a listing that is a few seconds old would do
	number    int           // of the attempt, from 1
	// written is called once the registry has the component's state, so that another one can be applied; nil if the caller
	// releases its slot afterwards.
	written func()
}

// attempt carries out a job in these steps: recall the sync state, decide what to apply, own the key by recording this
// process in the state, write the registry, and record the outcome. A conflict with another replica is recorded instead.
type attempt struct {
	a       *Applier
	job     job
	ctx     context.Context // ends with the work
	held    context.Context // ends also when the session can no longer be relied on
	session target.Session

	state   target.State
	assumed bool         // the state was not read: the next compare-and-set shows whether it is right
	event   *event.Event // the event to apply
	// malformed is why the event could not be decoded.
	malformed  error
	compare    bool // read the registry, whatever the sync state says
	previous   target.Previous
	first      bool // no outcome of the event was recorded before
	deadLetter bool // a dead letter of the component may be stored
	conflict   bool // another replica may have written the registry at the same time, and the state says so
}

// attempt carries out a job, as the only one in this process that works on the key. After a conflict the key is compared
// with the registry at once, since its message may already be acknowledged by another replica.
func (a *Applier) attempt(ctx context.Context, j job) disposition {
	if !a.lock(j.key) {
		return classify(target.ErrClaimed, j.number)
	}
	defer a.unlock(j.key)
	d, conflict := a.attemptOnce(ctx, j)
	if conflict {
		if j.written != nil && a.limiter.Acquire(ctx) == nil {
			defer a.limiter.Release()
		}
		writes, created := d.writes, d.created
		d, _ = a.attemptOnce(ctx, job{key: j.key, now: j.now, number: j.number}) // if it fails, the conflict stays recorded in the state
		d.writes, d.created = d.writes+writes, d.created || created
	}
	return d
}

// attemptOnce carries out a job under the current session.
func (a *Applier) attemptOnce(ctx context.Context, j job) (d disposition, conflict bool) {
	session, err := a.deps.Sessions.Open(ctx)
	if err != nil {
		return a.brokerFailed(err, j.number), false
	}
	held, release := session.Hold(ctx)
	defer release()
	t := &attempt{a: a, job: j, ctx: ctx, held: held, session: session}
	d = t.run()
	if target.Held(held) != nil && ctx.Err() == nil {
		a.metrics.claimsLost.Inc()
	}
	return d, t.conflict
}

// brokerFailed returns the disposition of a job that failed at the broker.
func (a *Applier) brokerFailed(err error, number int) disposition {
	a.broker.record(err)
	return classify(err, number)
}

// run takes the steps in their order. If an assumed state proves wrong, it is read.
func (t *attempt) run() disposition {
	var d disposition
	var done bool
	err := t.recall()
	if err == nil {
		d, done, err = t.begin()
	}
	if t.assumed && (errors.Is(err, target.ErrConflict) || errors.Is(err, errAssumed)) {
		if err = t.read(); err == nil {
			d, done, err = t.begin()
		}
	}
	t.a.broker.record(err)
	switch {
	case err != nil:
		return classify(err, t.job.number)
	case done:
		return d
	}
	return t.conclude(t.write())
}

// begin decides what to apply and takes the key; done means that there is nothing to apply.
func (t *attempt) begin() (d disposition, done bool, err error) {
	if d, done, err = t.decide(); err != nil || done {
		return d, done, err
	}
	s := &t.state
	if s.Ref == (target.Ref{}) {
		s.Ref = t.job.listed.Ref
	}
	t.previous = target.Previous{Ref: s.Ref, InDoubt: t.job.now || s.Intent != 0 || s.Outcome == target.OutcomeFailed, Verify: t.compare}
	if t.job.listed.NameFree && s.Intent == 0 && !t.event.Deleted() {
		t.previous = target.Previous{}
	}
	// A dead letter that the state does not record exists only where an attempt was interrupted, or the state was lost.
	t.deadLetter = s.DeadLetter || s.Intent != 0 || t.compare && s.Revision == 0
	t.first = t.event.Sequence > s.Sequence
	return d, false, t.own()
}
