package check

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"odasync/internal/registry"
	"odasync/internal/registry/transport"
)

// maxSkew is how far clocks may be apart: tokens and certificates are checked by them, and ages are shown by them.
const maxSkew = 5 * time.Second

const clockHint = "synchronise the clocks of both machines, such as with NTP: tokens, ages and --since depend on them"

// skew compares the time of a server with that of this machine, in the middle of the request. precision is that of the server's.
func skew(name string, server, asked, answered time.Time, precision time.Duration) (string, error) {
	apart := server.Sub(asked.Add(answered.Sub(asked) / 2))
	tolerance := precision + answered.Sub(asked)/2
	direction := "ahead of"
	if apart < 0 {
		direction = "behind"
	}
	if apart.Abs() > maxSkew+tolerance {
		return "", fmt.Errorf("the clock of %s is %s %s that of this machine", name, apart.Abs().Round(time.Second), direction)
	}
	if apart.Abs() <= tolerance {
		return "in step with this machine", nil
	}
	return fmt.Sprintf("%s %s this machine", (apart.Abs() - tolerance).Round(10*time.Millisecond), direction), nil
}

// registryClock reads the time in the registry's answer, which every HTTP server has to send.
func registryClock(ctx context.Context, cfg registry.Config) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, cfg.Address(), nil)
	if err != nil {
		return "", err
	}
	t := transport.New(cfg.Transport, 1)
	defer t.CloseIdleConnections()
	asked := time.Now()
	answer, err := t.RoundTrip(request) // any status has a date
	if err != nil {
		return "", err
	}
	_ = answer.Body.Close() // it is not read
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return "the registry does not send its time", nil
	}
	if age := answer.Header.Get("Age"); age != "" {
		return "the answer comes from a cache, which has another time", nil
	}
	return skew("the registry", at.Add(time.Second/2), asked, time.Now(), time.Second/2) // the time is in whole seconds
}
