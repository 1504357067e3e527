package refregistry

import (
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
func serve(t *testing.T, s *Server) (c *client, stop func(), end <-chan error, log *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l, log := listen(t), &bytes.Buffer{}
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, s, zerolog.New(log)) }()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, base: "http://" + l.Addr().String(), http: &http.Client{Transport: transport}}, cancel, done, log
}

func awaitEnd(t *testing.T, end <-chan error) error {
	t.Helper()
	select {
	case err := <-end:
		return err
	case <-time.After(shutdownGrace / 2):
		t.Fatal("Serve did not return")
		return nil
	}
}

func TestServeUntilTheContextEnds(t *testing.T) {
	c, stop, end, log := serve(t, New(Config{}))
	must[any](c, 200, "GET", "/health", "")
	stop()
	if err := awaitEnd(t, end); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := c.send(c.request("GET", "/health", "")); err == nil {
		t.Error("the listener is still open")
	}
	for _, word := range []string{"component registry listening", strings.TrimPrefix(c.base, "http://"), "component registry stopped"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("the log lacks %q: %s", word, log)
		}
	}
}

func TestServeLetsRequestsFinish(t *testing.T) {
	s := New(Config{})
	c, stop, end, _ := serve(t, s)
	struck := make(chan struct{})
	s.SetFault(func(*http.Request) *Fault {
		close(struck)
		return &Fault{Delay: 100 * time.Millisecond}
	})
	answered := make(chan response, 1)
	go func() {
		res, err := c.send(c.request("POST", "/labels/", newLabel))
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	<-struck
	stop()
	same(t, 201, (<-answered).status)
	if err := awaitEnd(t, end); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestServeEndsHangingRequests(t *testing.T) {
	s := New(Config{})
	c, stop, end, _ := serve(t, s)
	struck := make(chan struct{})
	s.SetFault(func(*http.Request) *Fault {
		close(struck)
		return &Fault{Hang: true}
	})
	failed := make(chan error, 1)
	go func() {
		_, err := c.send(c.request("GET", "/labels/", ""))
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
	err := Serve(context.Background(), l, New(Config{}), zerolog.Nop())
	if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "serve component registry") {
		t.Errorf("error %v, want that of the closed listener", err)
	}
}
