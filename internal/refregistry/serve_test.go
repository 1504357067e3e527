package refregistry_test

import (
	"odasync/internal/refregistry/faults"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/refregistrytest"

	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve runs Serve and returns a client of it and its end. Reading the log
// before the end would be a race.
func serve(t *testing.T, s *refregistry.Server) (c *refregistrytest.Client, stop func(), end <-chan error, log *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l, log := listen(t), &bytes.Buffer{}
	done := make(chan error, 1)
	go func() { done <- refregistry.Serve(ctx, l, s, zerolog.New(log)) }()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &refregistrytest.Client{TB: t, URL: "http://" + l.Addr().String(), HTTP: &http.Client{Transport: transport}}, cancel, done, log
}

func awaitEnd(t *testing.T, end <-chan error) error {
	t.Helper()
	select {
	case err := <-end:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("Serve did not return")
		return nil
	}
}

func TestServeUntilTheContextEnds(t *testing.T) {
	c, stop, end, log := serve(t, refregistry.New(refregistry.Config{}))
	c.Expect(200, "GET", "/health", "")
	stop()
	if err := awaitEnd(t, end); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := c.Send(c.Request("GET", "/health", "")); err == nil {
		t.Error("the listener is still open")
	}
	for _, word := range []string{"component registry listening", strings.TrimPrefix(c.URL, "http://"), "component registry stopped"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("the log lacks %q: %s", word, log)
		}
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	s := refregistry.New(refregistry.Config{})
	c, stop, end, _ := serve(t, s)
	struck := make(chan struct{})
	s.SetFault(func(*http.Request) *faults.Fault {
		close(struck)
		return &faults.Fault{Delay: 100 * time.Millisecond}
	})
	answered := make(chan refregistrytest.Response, 1)
	go func() {
		res, err := c.Send(c.Request("POST", "/labels/", refregistrytest.NewLabel))
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	<-struck
	stop()
	refregistrytest.Same(t, 201, (<-answered).Status)
	if err := awaitEnd(t, end); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestServeEndsHangingRequests(t *testing.T) {
	s := refregistry.New(refregistry.Config{})
	c, stop, end, _ := serve(t, s)
	struck := make(chan struct{})
	s.SetFault(func(*http.Request) *faults.Fault {
		close(struck)
		return &faults.Fault{Hang: true}
	})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Send(c.Request("GET", "/labels/", ""))
		failed <- err
	}()
	<-struck
	stop()
	if err := <-failed; err == nil {
		t.Error("the hanging request was answered")
	}
	if err := awaitEnd(t, end); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	l := listen(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err := refregistry.Serve(context.Background(), l, refregistry.New(refregistry.Config{}), zerolog.Nop())
	if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "serve component registry") {
		t.Errorf("error %v, want that of the closed listener", err)
	}
}
