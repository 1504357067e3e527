package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"odasync/internal/broadcast"
	"odasync/internal/component"
)

// scopeWatch watches one scope. It is used by one goroutine.
type scopeWatch struct {
	source  *Source
	client  *Client
	version string
	scope   component.Scope
	to      component.Observer
	tuning  Tuning
	refresh *broadcast.Signal
	status  *status
	metrics *Metrics
	log     zerolog.Logger

	round     uint64
	resume    string // the resourceVersion up to which everything was reported; empty means: begin a new round
	paged     bool   // the server does not stream lists
	pagedNext bool   // the last streamed list was cut: pages get through where one long answer does not
	stalls    int    // streamed lists in a row that came to a halt
	malformed map[string]malformed
	asked     <-chan struct{} // closed when another round is asked for; from before the present one

	quiet time.Duration // how much longer a watch may be silent; connecting anew does not count as a word

	verb      string    // of the request that was sent last
	following time.Time // since when events are followed; zero before
	served    bool      // something was followed
}

// maxStalls is how many streamed lists in a row may come to a halt before it counts as the server's nature.
const maxStalls = 3

// run returns nil when the context ends, and an error when the resource is no longer served or another version is to be
// read.
func (w *scopeWatch) run(ctx context.Context) error {
	backoff := w.tuning.Backoff
	for {
		resumed := w.resume != ""
		w.following, w.served = time.Time{}, false
		err := w.attempt(ctx)
		if ctx.Err() != nil {
			return nil
		}
		f := explain(err, w.client.componentRule(w.verb, w.scope))
		w.metrics.restarts.WithLabelValues(f.reason).Inc()
		healthy := w.served || !w.following.IsZero() && time.Since(w.following) >= w.tuning.Steady
		if healthy {
			backoff = w.tuning.Backoff
		}
		switch f.reason {
		case reasonClosed:
			if healthy {
				continue
			}
		case reasonUnmarked:
			// Where nothing came any more, the connection may have stalled: then this list alone is read in pages.
			w.paged = !errors.Is(err, errStalled) || w.stalls >= maxStalls
			w.log.Info().Str("error", f.text).Msg("reading lists in pages")
			continue
		case reasonDue:
			if w.source.outdated(ctx, w.version, w.asked) {
				return errOutdated
			}
			w.resume = ""
			continue
		case reasonExpired:
			w.resume = ""
			if resumed { // or else the list just read has expired, and reading on at once could go on for ever
				continue
			}
		case reasonSilent:
			// Reconnecting is not enough: asked for what follows a resourceVersion that it has not reached yet, as after
			// its restoration from a backup, a server sends nothing at all, and closes the watch in good order.
			w.resume = ""
		case reasonNotFound:
			w.status.failed(f)
			return f
		}
		w.status.failed(f)
		sleep(ctx, backoff.Step())
	}
}

// attempt reads the scope where that is needed, then follows its events. It always ends with an error.
func (w *scopeWatch) attempt(ctx context.Context) error {
	var events *stream
	var err error
	switch {
	case w.resume != "":
	case w.paged || w.pagedNext:
		w.pagedNext = false
		if err := w.readPages(ctx); err != nil {
			return err
		}
	default:
		w.verb = "watch"
		events, err = w.client.watchInitial(ctx, w.version, w.scope)
		if isRefused(err) {
			return fmt.Errorf("%w (%w)", errUnmarked, err)
		} else if err != nil {
			return err
		}
		defer events.close()
		if err := w.readInitial(ctx, events); err != nil {
			w.pagedNext = true
			if errors.Is(err, errStalled) {
				w.stalls++
			}
			return err
		}
		w.stalls = 0
	}
	if events == nil {
		w.verb = "watch"
		events, err = w.client.watchFrom(ctx, w.version, w.scope, w.resume)
		if isRefused(err) {
			w.resume = ""
		}
		if err != nil {
			return err
		}
		defer events.close()
	}
	w.following = time.Now()
	w.status.connected()
	defer events.cancelAfter(w.asked, errDue)()
	for {
		began := time.Now()
		next, err := events.next(w.quiet, errSilent)
		w.quiet -= time.Since(began)
		w.count(next.Type)
		if err != nil {
			return err
		}
		w.served, w.quiet = true, w.tuning.SilentAfter
		w.status.served()
		resourceVersion, err := w.observe(ctx, next)
		if err != nil {
			return err
		}
		w.resume = cmp.Or(resourceVersion, w.resume)
	}
}

// begin opens a round. What asks for another one from now on is not answered by this one.
func (w *scopeWatch) begin() {
	w.asked = w.refresh.Wait()
	w.round = w.to.Begin(w.scope)
}

// readInitial reads a round from a watch that begins with what exists.
func (w *scopeWatch) readInitial(ctx context.Context, events *stream) error {
	w.begin()
	left, overdue := w.tuning.InitialIdle, errStalled // only the waiting counts, not the observer's time
	for {
		began := time.Now()
		next, err := events.next(left, overdue)
		left -= time.Since(began)
		w.count(next.Type)
		switch {
		case err == io.EOF:
			return fmt.Errorf("%w before the end of the initial events", errLost)
		case err != nil:
			return err
		}
		w.status.heard()
		if next.Type == watch.Bookmark {
			if mark, err := bookmark(next.Object); err != nil {
				return err
			} else if mark.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
				return w.end(ctx, mark.ResourceVersion)
			}
			overdue = errUnmarked
			continue
		}
		if _, err := w.observe(ctx, next); err != nil {
			return err
		}
		if next.Type == watch.Added { // others come all the time, even where the end never does
			left, overdue = w.tuning.InitialIdle, errStalled
		} else {
			overdue = errUnmarked
		}
	}
}

// readPages reads a round from a paged list, all of one moment.
func (w *scopeWatch) readPages(ctx context.Context) error {
	w.verb = "list"
	w.begin()
	for token := ""; ; {
		page, err := w.client.listPage(ctx, w.version, w.scope, w.tuning.PageSize, token)
		if err != nil {
			return err // an expired token too: the next attempt lists afresh
		}
		w.status.heard()
		for _, item := range page.Items {
			w.count(watch.Added)
			if _, err := w.observe(ctx, event{Type: watch.Added, Object: item}); err != nil {
				return err
			}
		}
		if token = page.Metadata.Continue; token == "" {
			return w.end(ctx, page.Metadata.ResourceVersion)
		}
	}
}

// end closes the round. Only then is the resourceVersion one to resume from.
func (w *scopeWatch) end(ctx context.Context, resourceVersion string) error {
	if resourceVersion == "" {
		return errors.New("the server ended a list without a resourceVersion")
	}
	if err := w.to.End(ctx, w.round, w.scope, resourceVersion); err != nil {
		return err
	}
	w.resume, w.quiet = resourceVersion, w.tuning.SilentAfter
	for key, known := range w.malformed {
		if known.round != w.round {
			delete(w.malformed, key)
		}
	}
	w.status.complete()
	return nil
}
