package procs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pollInterval is the interval between requests to a process while waiting for a state.
const pollInterval = 25 * time.Millisecond

// ErrNoSeries is the error for a metric that a process does not have, or not yet.
var ErrNoSeries = errors.New("no such series")

var client = &http.Client{Timeout: 10 * time.Second}

// Monitor returns where the process serves metrics and health, as host:port, once it has logged the address.
func (p *Process) Monitor(ctx context.Context) (string, error) {
	if known := p.address.Load(); known != nil {
		return *known, nil
	}
	entry, err := p.AwaitEntry(ctx, func(e Entry) bool { return e.Message() == "serving metrics and health" })
	if err != nil {
		return "", err
	}
	address := entry.Text("address")
	p.address.Store(&address)
	return address, nil
}

func (p *Process) get(ctx context.Context, path string) (status int, body string, err error) {
	address, err := p.Monitor(ctx)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, "", fmt.Errorf("ask %s for %s: %w", p.Spec.Name, path, err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("ask %s for %s: %w", p.Spec.Name, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", fmt.Errorf("ask %s for %s: %w", p.Spec.Name, path, err)
	}
	return answer.StatusCode, string(text), nil
}

// Readyz returns the body of /readyz, and whether the process is ready.
func (p *Process) Readyz(ctx context.Context) (body string, ready bool, err error) {
	status, body, err := p.get(ctx, "/readyz")
	return body, status == http.StatusOK, err
}

// AwaitReady waits until the process is ready.
func (p *Process) AwaitReady(ctx context.Context) error {
	return p.awaitReadyz(ctx, "get ready", func(_ string, ready bool) bool { return ready })
}

// AwaitNotReady waits until the process is not ready and the body of /readyz contains the text.
func (p *Process) AwaitNotReady(ctx context.Context, text string) error {
	return p.awaitReadyz(ctx, "report "+strconv.Quote(text)+" at /readyz", func(body string, ready bool) bool {
		return !ready && strings.Contains(body, text)
	})
}

func (p *Process) awaitReadyz(ctx context.Context, what string, enough func(body string, ready bool) bool) error {
	for last := ""; ; {
		body, ready, err := p.Readyz(ctx)
		switch {
		case err == nil && enough(body, ready):
			return nil
		case err == nil:
			last = body
		case !p.Running():
			return fmt.Errorf("%s does not %s: %w; its last output:\n%s", p.Spec.Name, what, errEnded, p.Tail(20))
		}
		if waited := Pause(ctx, pollInterval); waited != nil {
			return fmt.Errorf("%s does not %s: %w; /readyz:\n%s\nits last output:\n%s", p.Spec.Name, what, errors.Join(waited, err), last, p.Tail(20))
		}
	}
}

// Metric reads the value of one series, such as odasync_leader or odasync_events_published_total{type="deleted"}.
func (p *Process) Metric(ctx context.Context, series string) (float64, error) {
	_, body, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(body) {
		if rest, found := strings.CutPrefix(line, series+" "); found {
			value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				return 0, fmt.Errorf("read metric %s of %s: %w", series, p.Spec.Name, err)
			}
			return value, nil
		}
	}
	return 0, fmt.Errorf("read metric %s of %s: %w", series, p.Spec.Name, ErrNoSeries)
}

// Pause waits, but not beyond the context, whose error it then returns.
func Pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
