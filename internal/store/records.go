package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/target"
)

// Records are what processes leave for each other: approvals, and the result of the last reconcile of each target and cluster.
type Records struct{ kv jetstream.KeyValue }

// recordsAge is how long a record is kept. An approval is for what is pending now, not for next week.
const recordsAge = 24 * time.Hour

// EnsureRecords returns the records and creates their bucket where it is missing.
func EnsureRecords(ctx context.Context, conn *natsconn.Conn) (*Records, error) {
	kv, err := ensureBucket(ctx, conn, RecordsBucket, "records", recordsAge)
	if err != nil {
		return nil, err
	}
	return &Records{kv: kv}, nil
}

// OpenRecords is [EnsureRecords] on the bucket that a watcher or a syncer created.
func OpenRecords(ctx context.Context, conn *natsconn.Conn) (*Records, error) {
	kv, err := openBucket(ctx, conn, RecordsBucket, "a watcher or a syncer")
	if err != nil {
		return nil, err
	}
	return &Records{kv: kv}, nil
}

// Approve approves the deletions, or the cluster, that are pending under the id.
func (r *Records) Approve(ctx context.Context, id string) error {
	if _, err := r.kv.Put(ctx, approvalKey(id), []byte(time.Now().UTC().Format(time.RFC3339))); err != nil {
		return fmt.Errorf("approve %s: %w", id, err)
	}
	return nil
}

// Approved reports whether the id is approved.
func (r *Records) Approved(ctx context.Context, id string) (bool, error) {
	_, err := r.kv.Get(ctx, approvalKey(id))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read approval %s: %w", id, err)
	}
	return true, nil
}

// Consume removes an approval and reports whether there was one. It returns true to one caller only.
func (r *Records) Consume(ctx context.Context, id string) (bool, error) {
	entry, err := r.kv.Get(ctx, approvalKey(id))
	if err == nil {
		err = r.kv.Delete(ctx, approvalKey(id), jetstream.LastRevision(entry.Revision()))
	}
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("use the approval %s: %w", id, err)
	}
	return true, nil
}

func approvalKey(id string) string { return "approval." + event.Token(id) }

// Reconciled stores the result of a reconcile in place of the earlier one.
func (r *Records) Reconciled(ctx context.Context, done target.Reconciliation) error {
	fail := func(err error) error {
		return fmt.Errorf("store the result of the reconcile of target %s with cluster %s: %w", done.Target, done.Cluster, err)
	}
	if done.Error != "" && done.PendingDeletion == nil { // it is still pending
		if last, found, err := r.LastReconcile(ctx, done.Target, done.Cluster); err == nil && found {
			done.PendingDeletion = last.PendingDeletion
		}
	}
	value, err := json.Marshal(done)
	if err != nil {
		return fail(err)
	}
	if _, err := r.kv.Put(ctx, reconcileKey(done.Target, done.Cluster), value); err != nil {
		return fail(err)
	}
	return nil
}

// LastReconcile returns the result of the last reconcile of a target with a cluster; nil where there was none. It creates nothing.
func LastReconcile(ctx context.Context, conn *natsconn.Conn, name, cluster string) (*target.Reconciliation, error) {
	records, err := OpenRecords(ctx, conn)
	if errors.Is(err, ErrNotCreated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	last, found, err := records.LastReconcile(ctx, name, cluster)
	if err != nil || !found {
		return nil, err
	}
	return &last, nil
}

// LastReconcile returns the result of the last reconcile of a target with a cluster; false where there is none.
func (r *Records) LastReconcile(ctx context.Context, name, cluster string) (target.Reconciliation, bool, error) {
	var last target.Reconciliation
	entry, err := r.kv.Get(ctx, reconcileKey(name, cluster))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return last, false, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &last)
	}
	if err != nil {
		return last, false, fmt.Errorf("read the last reconcile of target %s with cluster %s: %w", name, cluster, err)
	}
	return last, true, nil
}

// Reconciles lists the results of the last reconciles of a target, one for each cluster.
func (r *Records) Reconciles(ctx context.Context, name string) ([]target.Reconciliation, error) {
	watch, err := r.kv.Watch(ctx, "reconcile."+event.Token(name)+".*", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("read the reconciles of target %s: %w", name, err)
	}
	defer func() { _ = watch.Stop() }() // an error changes nothing here
	all := []target.Reconciliation{}
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read the reconciles of target %s: %w", name, ctx.Err())
		case entry := <-watch.Updates():
			if entry == nil { // the end of the present values
				return all, nil
			}
			var last target.Reconciliation
			if json.Unmarshal(entry.Value(), &last) == nil { // else a newer program wrote it
				all = append(all, last)
			}
		}
	}
}

func reconcileKey(name, cluster string) string {
	return "reconcile." + event.Token(name) + "." + event.Token(cluster)
}
