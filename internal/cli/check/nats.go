package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"odasync/internal/cli/render"
	"odasync/internal/control"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/target"
)

// nats returns whether the leading watcher reads manifests.
func (r *run) nats(ctx context.Context) (fromManifests bool) {
	const reachable, jetstream, topology, settings, clock, writers = natsName, "nats jetstream", "nats topology", "nats settings", "nats clock", "registry writers"
	ctx, abort := context.WithCancelCause(ctx) // ends the checks of NATS alone
	defer abort(nil)
	var conn *natsconn.Conn
	ok := r.check(ctx, reachable, "check NATS_URL, NATS_USER, NATS_PASSWORD, NATS_CREDS and the NATS_TLS_* files, and that the server is running", func(ctx context.Context) (string, error) {
		var err error
		if conn, err = natsconn.Dial(ctx, r.Stream, r.Client, abort); err != nil {
			return "", err
		}
		return conn.Server(), nil
	})
	if !ok {
		r.skip("NATS is not reachable", jetstream, topology, settings, clock, writers)
		return false
	}
	defer conn.Close()
	if !r.check(ctx, jetstream, "start nats-server 2.11 or newer with -js and enable JetStream for the account", func(ctx context.Context) (string, error) {
		return "available", natsconn.Denied(ctx, conn.Check(ctx))
	}) {
		r.skip("JetStream is not available", topology, settings, clock, writers)
		return false
	}
	var log *stream.Log
	created := r.check(ctx, topology, "start the watcher, which creates the stream, or follow the detail", func(ctx context.Context) (string, error) {
		var err error
		if log, err = stream.OpenLog(ctx, conn); err != nil {
			return "", natsconn.Denied(ctx, err)
		}
		messages, err := log.Messages(ctx)
		return fmt.Sprintf("stream %s, %d messages", stream.StreamName, messages), natsconn.Denied(ctx, err)
	})
	if !created {
		r.skip("the stream is not usable", settings, clock, writers)
		return false
	}
	r.settings(ctx, log, settings, clock)
	r.check(ctx, writers, target.SecondWriter, func(ctx context.Context) (string, error) {
		last, err := store.LastReconcile(ctx, conn, r.Target, r.Cluster)
		switch {
		case err != nil:
			return "", natsconn.Denied(ctx, err)
		case last == nil:
			return "no reconcile yet", nil
		case last.Overwritten > 0:
			return "", fmt.Errorf("the last reconcile found %d entries that another program had written over", last.Overwritten)
		}
		return "the last reconcile found no other writer", nil
	})
	return r.manifests(ctx, conn)
}

// manifests has a check for each folder that a watcher of the cluster reads instead of a cluster, and returns whether one leads.
func (r *run) manifests(ctx context.Context, conn *natsconn.Conn) (leads bool) {
	watchers, err := control.NewClient(conn.NATS()).Watchers(ctx)
	if err != nil {
		return false // ctl status reports it
	}
	for _, w := range watchers {
		if w.Cluster != r.Cluster || w.Manifests == "" {
			continue
		}
		leads = leads || w.Leader
		r.check(ctx, "manifests", "correct or remove the files: `ctl status` lists them all", func(context.Context) (string, error) {
			if count := len(w.Unreadable); count > 0 {
				return "", fmt.Errorf("%d %s of %s cannot be read, such as %s: %s", count, render.Plural(count, "file"), w.Manifests, w.Unreadable[0].Path, w.Unreadable[0].Problem)
			}
			return w.Manifests + " is read completely", nil
		})
	}
	return leads
}

// settings compares the stream with what the watcher would create, and the server's clock with this machine's.
func (r *run) settings(ctx context.Context, log *stream.Log, settings, clock string) {
	var now, asked, answered time.Time
	r.check(ctx, settings, "the watcher corrects at its next start what it can; undo the other changes with the nats tool", func(ctx context.Context) (string, error) {
		var differences []string
		var err error
		asked = time.Now()
		differences, now, err = log.Drift(ctx, r.Settings)
		answered = time.Now()
		switch {
		case err != nil:
			return "", natsconn.Denied(ctx, err)
		case len(differences) > 0:
			return "", errors.New(strings.Join(differences, "; "))
		}
		return "as the watcher creates it", nil
	})
	if now.IsZero() {
		r.skip("the server's time is not known", clock)
		return
	}
	r.check(ctx, clock, clockHint, func(context.Context) (string, error) { return skew("the NATS server", now, asked, answered, 0) })
}
