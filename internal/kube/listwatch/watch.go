package listwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"odasync/internal/broadcast"
	"odasync/internal/component"
	"odasync/internal/kube"
)

// scopeWatch watches one scope. It is used by one goroutine.
type scopeWatch struct {
	client *kube.Client
	of     kube.Resource
	scope  component.Scope
	to     reporter
	// outdated reports, before a resync that a Refresh asked for, whether the watch is to end for another version; nil if the
	// watch never ends, also while the resource is not served.
	outdated func(ctx context.Context, refreshed <-chan struct{}) bool
	tuning   Tuning
	refresh  *broadcast.Signal
	status   *status
	metrics  *Metrics
	log      zerolog.Logger

	resume       string          // the resourceVersion up to which everything was reported; empty for a resync
	paged        bool            // the server does not stream lists
	pagedNext    bool            // the last streamed list was cut: pages may succeed where one long answer does not
	stalls       int             // streamed lists in a row that stalled
	refreshAsked <-chan struct{} // closed by a Refresh after the last resync has begun

	silenceLeft time.Duration // time left without an event or a bookmark; a reconnect does not reset it

	following time.Time // since when events are followed; zero before
	delivered bool      // an event was received since then
}

// maxStalls is the number of streamed lists that stall in a row after which all lists are read in pages.
const maxStalls = 3

// run returns nil when the context ends, and an error when the resource is no longer served or another version is preferred.
func (w *scopeWatch) run(ctx context.Context) error {
	backoff := w.tuning.Backoff
	for {
		resumed := w.resume != ""
		w.following, w.delivered = time.Time{}, false
		err := w.attempt(ctx)
		if ctx.Err() != nil {
			return nil
		}
		f := explain(err)
		w.metrics.restarts.WithLabelValues(f.Reason).Inc()
		healthy := w.delivered || !w.following.IsZero() && time.Since(w.following) >= w.tuning.Steady
		if healthy {
			backoff = w.tuning.Backoff
		}
		switch f.Reason {
		case reasonClosed:
			if healthy {
				continue
			}
		case reasonUnmarked:
			// After a stall, which the connection may have caused, only this list is read in pages.
			w.paged = !errors.Is(err, errStalled) || w.stalls >= maxStalls
			w.log.Info().Str("error", f.Text).Msg("streamed list incomplete, reading in pages")
			continue
		case reasonDue:
			if w.outdated != nil && w.outdated(ctx, w.refreshAsked) {
				return errOutdated
			}
			w.resume = ""
			continue
		case kube.ReasonExpired:
			w.resume = ""
			if resumed { // without backoff; a list that expires at once could repeat for ever
				continue
			}
		case reasonSilent:
			// A reconnect is not enough: a server that was restored from a backup and has not reached the resourceVersion
			// yet sends nothing and closes the watch without an error.
			w.resume = ""
		case kube.ReasonNotFound:
			w.resume = ""
			if w.outdated != nil {
				w.status.failed(f)
				return f
			}
		}
		w.status.failed(f)
		sleep(ctx, backoff.Step())
	}
}

// attempt reads the scope where that is needed, then follows its conn. It always ends with an error.
func (w *scopeWatch) attempt(ctx context.Context) error {
	var conn *kube.WatchConn
	var err error
	switch {
	case w.resume != "":
	case w.paged || w.pagedNext:
		w.pagedNext = false
		if err := w.readPages(ctx); err != nil {
			return err
		}
	default:
		conn, err = w.client.WatchInitial(ctx, w.of, w.scope)
		if kube.IsRejected(err) {
			return fmt.Errorf("%w (%w)", errUnmarked, err)
		} else if err != nil {
			return err
		}
		defer conn.Close()
		if err := w.readInitial(ctx, conn); err != nil {
			w.pagedNext = true
			if errors.Is(err, errStalled) {
				w.stalls++
			}
			return err
		}
		w.stalls = 0
	}
	if conn == nil {
		conn, err = w.client.WatchFrom(ctx, w.of, w.scope, w.resume)
		if kube.IsRejected(err) {
			w.resume = ""
		}
		if err != nil {
			return err
		}
		defer conn.Close()
	}
	w.following = time.Now()
	w.status.connected()
	defer conn.CancelAfter(w.refreshAsked, errDue)()
	for {
		began := time.Now()
		next, err := conn.Next(w.silenceLeft, errSilent)
		w.silenceLeft -= time.Since(began)
		w.count(next.Type)
		if err != nil {
			return err
		}
		w.delivered, w.silenceLeft = true, w.tuning.SilentAfter
		w.status.recovered()
		resourceVersion, err := w.observe(ctx, next)
		if err != nil {
			return err
		}
		w.resume = cmp.Or(resourceVersion, w.resume)
	}
}

// beginResync begins a resync. A Refresh from now on starts another one.
func (w *scopeWatch) beginResync() {
	w.refreshAsked = w.refresh.Wait()
	w.to.begin(w.scope)
}

// readInitial reads a resync from a streamed list.
func (w *scopeWatch) readInitial(ctx context.Context, conn *kube.WatchConn) error {
	w.beginResync()
	left, overdue := w.tuning.InitialIdle, errStalled // without the time that the observer takes
	for {
		began := time.Now()
		next, err := conn.Next(left, overdue)
		left -= time.Since(began)
		w.count(next.Type)
		switch {
		case err == io.EOF: //nolint:errorlint // a wrapped EOF is a lost connection
			return errCut
		case err != nil:
			return err
		}
		w.status.received()
		if next.Type == watch.Bookmark {
			if meta, err := bookmark(next.Object); err != nil {
				return err
			} else if meta.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
				return w.endResync(ctx, meta.ResourceVersion)
			}
			overdue = errUnmarked
			continue
		}
		if _, err := w.observe(ctx, next); err != nil {
			return err
		}
		if next.Type == watch.Added { // other events arrive also where the end of the list never does
			left, overdue = w.tuning.InitialIdle, errStalled
		} else {
			overdue = errUnmarked
		}
	}
}

// readPages reads a resync from a paged list, which is consistent.
func (w *scopeWatch) readPages(ctx context.Context) error {
	w.beginResync()
	for token := ""; ; {
		page, err := w.client.ListPage(ctx, w.of, w.scope, w.tuning.PageSize, token)
		if err != nil {
			return err // an expired token too: the next attempt lists afresh
		}
		w.status.received()
		for _, item := range page.Items {
			w.count(watch.Added)
			if _, err := w.observe(ctx, kube.WatchEvent{Type: watch.Added, Object: jsontext.Value(item)}); err != nil {
				return err
			}
		}
		if token = page.Metadata.Continue; token == "" {
			return w.endResync(ctx, page.Metadata.ResourceVersion)
		}
	}
}

// endResync ends the resync. Only from now on can a watch resume from the resourceVersion.
func (w *scopeWatch) endResync(ctx context.Context, resourceVersion string) error {
	if resourceVersion == "" {
		return errors.New("the server ended a list without a resourceVersion")
	}
	if err := w.to.end(ctx, w.scope, resourceVersion); err != nil {
		return err
	}
	w.resume, w.silenceLeft = resourceVersion, w.tuning.SilentAfter
	w.status.complete()
	return nil
}
