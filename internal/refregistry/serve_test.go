package refregistry_test

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

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l := testcheck.Must(net.Listen("tcp", "127.0.0.1:0"))
	return l
}

// serve runs Serve and returns a client. stop ends the context and end waits
// until Serve returns nil; the log may be read only afterwards.
func serve(t *testing.T, s *refregistry.Server) (c *registrytest.Client, stop, end func(), log *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l, log := listen(t), &bytes.Buffer{}
	done := make(chan error, 1)
	go func() { done <- refregistry.Serve(ctx, l, s, zerolog.New(log)) }()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	end = func() {
		t.Helper()
		select {
		case err := <-done:
			testcheck.ErrorIs(t, "Serve", nil, err)
		case <-time.After(5 * time.Second):
			t.Fatal("Serve did not return")
		}
	}
	return &registrytest.Client{TB: t, URL: "http://" + l.Addr().String(), HTTP: &http.Client{Transport: transport}}, cancel, end, log
}

// injected sets a fault for the next request, and returns a channel that is
// closed when that arrives.
func injected(s *refregistry.Server, fault faults.Fault) <-chan struct{} {
	arrived := make(chan struct{})
	s.SetFault(func(*http.Request) *faults.Fault {
		close(arrived)
		return &fault
	})
	return arrived
}

func TestServe_UntilTheContextEnds(t *testing.T) {
	c, stop, end, log := serve(t, refregistry.New(refregistry.Config{}))
	c.Expect(200, "GET", "/health", "")
	stop()
	end()
	if _, err := c.Send(c.Request("GET", "/health", "")); err == nil {
		t.Error("the listener is still open")
	}
	testcheck.Contains(t, "the log", log.String(), "component registry listening", strings.TrimPrefix(c.URL, "http://"), "component registry stopped")
}

func TestServe_LetsRequestsFinish(t *testing.T) {
	s := refregistry.New(refregistry.Config{})
	c, stop, end, _ := serve(t, s)
	arrived := injected(s, faults.Fault{Delay: 100 * time.Millisecond})
	answered := make(chan registrytest.Response, 1)
	go func() {
		res, err := c.Send(c.Request("POST", "/labels/", registrytest.NewLabel))
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	<-arrived
	stop()
	registrytest.Same(t, 201, (<-answered).Status)
	end()
}

func TestServe_EndsHangingRequests(t *testing.T) {
	s := refregistry.New(refregistry.Config{})
	c, stop, end, _ := serve(t, s)
	arrived := injected(s, faults.Fault{Hang: true})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Send(c.Request("GET", "/labels/", ""))
		failed <- err
	}()
	<-arrived
	stop()
	if err := <-failed; err == nil {
		t.Error("the hanging request was answered")
	}
	end()
}

func TestServe_ReportsABrokenListener(t *testing.T) {
	l := listen(t)
	testcheck.NoError(t, l.Close())
	err := refregistry.Serve(context.Background(), l, refregistry.New(refregistry.Config{}), zerolog.Nop())
	if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "serve component registry") {
		t.Errorf("error %v, want that of the closed listener", err)
	}
}
