package procs

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"odasync/internal/testcheck"
)

// script makes a program for a group out of a shell script.
func script(t *testing.T, text string) Spec {
	t.Helper()
	bin := t.TempDir()
	testcheck.NoError(t, os.WriteFile(filepath.Join(bin, "program"), []byte("#!/bin/sh\n"+text), 0o700))
	t.Setenv("ODASYNC_BIN", bin)
	return Spec{Name: "name", Program: "program"}
}

func group(t *testing.T) *Group {
	t.Helper()
	g := testcheck.Must(NewGroup(t.TempDir()))
	t.Cleanup(func() {
		for _, p := range g.all() {
			p.Kill()
		}
	})
	return g
}

// started runs a script in a group of its own.
func started(t *testing.T, text string) *Process {
	t.Helper()
	spec := script(t, text) // names the folder that the group looks in
	p, err := group(t).Start(spec)
	testcheck.NoError(t, err)
	return p
}

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestProcess_OutputAndEnvironment(t *testing.T) {
	t.Setenv("E2E_LEAK", "leaked")
	spec := script(t, `echo "says $WORD and '$E2E_LEAK' in $HOME" >&2; echo '{"level":"warn","message":"logged","field":"x"}'; exec sleep 60`)
	g := group(t)
	p, err := g.Start(spec.With(map[string]string{"WORD": "hello"}))
	testcheck.NoError(t, err)
	line, err := p.Await(limited(t), "says hello")
	testcheck.NoError(t, err)
	testcheck.Equal(t, "line", "says hello and '' in "+g.Dir, line)
	logged := func(e Entry) bool { return e.Message() == "logged" && e.Text("field") == "x" }
	if _, err := p.AwaitEntry(limited(t), logged); err != nil {
		t.Fatal(err)
	}
	testcheck.Equal(t, "entries", 1, len(p.Logged(logged)))
	p.Kill()
	if text, err := os.ReadFile(p.LogFile()); err != nil || !strings.HasPrefix(string(text), line) {
		t.Errorf("the log file holds %q (%v)", text, err)
	}
}

func TestProcess_Stop(t *testing.T) {
	for _, test := range []struct {
		name, script string
		end          func(*Process) error
		problem      string // empty for none
	}{
		{"in order", `trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done`, (*Process).Stop, ""},
		{"with an error", `trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done`, (*Process).Stop, "name stopped with exit status 3:\nup\nbye"},
		{"by itself", `echo up; exit 0`, func(p *Process) error { <-p.ended; return p.Stop() }, "name ended by itself (exit status 0):\nup"},
		{"killed", `echo up; exec sleep 60`, func(p *Process) error { p.Kill(); return p.Stop() }, ""},
		{"by a signal", `echo up; exec sleep 60`, func(p *Process) error { _ = p.Signal(syscall.SIGKILL); <-p.ended; return p.Stop() }, "ended by itself (signal: killed)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := started(t, test.script)
			if _, err := p.Await(limited(t), "up"); err != nil {
				t.Fatal(err)
			}
			err := test.end(p)
			if p.Running() {
				t.Error("it is still running")
			}
			switch {
			case test.problem == "" && err != nil:
				t.Error(err)
			case test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)):
				t.Errorf("%v, want %q in it", err, test.problem)
			}
		})
	}
}

func TestProcess_Wait(t *testing.T) {
	p := started(t, `echo last output; exit 7`)
	code, err := p.Wait(limited(t))
	if err != nil || code != 7 {
		t.Errorf("exit code %d (%v), want 7", code, err)
	}
	testcheck.ErrorIs(t, "an end that was waited for, which is no failure", nil, p.Stop())
	_, err = p.Await(limited(t), "never")
	if err == nil || !strings.Contains(err.Error(), "it has ended") || !strings.Contains(err.Error(), "last output") {
		t.Errorf("waiting for more than there is: %v", err)
	}
}

func TestGroup_MissingProgram(t *testing.T) {
	spec := script(t, "")
	spec.Program = "absent"
	if _, err := group(t).Start(spec); err == nil || !strings.Contains(err.Error(), "make build servers") {
		t.Errorf("%v, want the make target in it", err)
	}
}

func TestProcess_Monitor(t *testing.T) {
	ready := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			_, _ = w.Write([]byte("# HELP some help\nsome 1\nsome_total{kind=\"a\"} 2.5\n"))
		case "/readyz":
			select {
			case <-ready:
				_, _ = w.Write([]byte("ready\n"))
			default:
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write([]byte("not nats: away\n"))
			}
		}
	}))
	defer server.Close()
	p := started(t, `echo '{"message":"serving metrics and health","address":"`+server.Listener.Addr().String()+`"}'; exec sleep 60`)
	testcheck.ErrorIs(t, "await not ready", nil, p.AwaitNotReady(limited(t), "not nats"))
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.AwaitReady(short); err == nil || !strings.Contains(err.Error(), "not nats: away") {
		t.Errorf("%v, want what /readyz says in it", err)
	}
	close(ready)
	testcheck.ErrorIs(t, "await ready", nil, p.AwaitReady(limited(t)))
	if value, err := p.Metric(limited(t), `some_total{kind="a"}`); err != nil || value != 2.5 {
		t.Errorf("metric %v (%v), want 2.5", value, err)
	}
	if _, err := p.Metric(limited(t), "other"); err == nil {
		t.Error("a metric that does not exist has a value")
	}
}

func TestProcess_Freeze(t *testing.T) {
	p := started(t, `while :; do echo turn; sleep 0.01; done`)
	if _, err := p.Await(limited(t), "turn"); err != nil {
		t.Fatal(err)
	}
	testcheck.NoError(t, p.Freeze(limited(t)))
	lines := func() int { all, _ := p.journal.from(0); return len(all) }
	if err := Pause(t.Context(), 100*time.Millisecond); err != nil { // what it wrote before may still be on its way
		t.Fatal(err)
	}
	before := lines()
	if err := Pause(t.Context(), 200*time.Millisecond); err != nil { // in which it would write many lines
		t.Fatal(err)
	}
	if after := lines(); after != before {
		t.Errorf("a frozen process wrote %d lines", after-before)
	}
	testcheck.NoError(t, p.Thaw())
	for ctx := limited(t); lines() == before; {
		if Pause(ctx, pollInterval) != nil {
			t.Fatal("a thawed process writes nothing")
		}
	}
	p.Kill()
	if err := p.Freeze(limited(t)); err == nil {
		t.Error("a process that has ended can be frozen")
	}
}
