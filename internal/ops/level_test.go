package ops_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"odasync/internal/logtest"
	"odasync/internal/ops"
	"odasync/internal/testcheck"
)

// ask sends a request to the log level from an address.
func ask(handler http.Handler, from, method, body string, header map[string]string) (int, string) {
	r := httptest.NewRequest(method, "/loglevel", strings.NewReader(body))
	r.RemoteAddr = from
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestLevel_OnlyFromThisMachine(t *testing.T) {
	const here = "127.0.0.1:4000"
	tests := map[string]struct {
		from, method, body string
		header             map[string]string
		status             int
		answer             string
		level              string // afterwards
	}{
		"shown":               {from: here, method: "GET", status: 200, answer: "INFO\n", level: "INFO"},
		"more":                {from: here, method: "PUT", body: "debug\n", status: 200, answer: "DEBUG\n", level: "DEBUG"},
		"less":                {from: "[::1]:4000", method: "PUT", body: "ERROR", status: 200, answer: "ERROR\n", level: "ERROR"},
		"no such level":       {from: here, method: "PUT", body: "LOUD", status: 400, answer: "send DEBUG", level: "INFO"},
		"nothing":             {from: here, method: "PUT", status: 400, answer: "send DEBUG", level: "INFO"},
		"too long":            {from: here, method: "PUT", body: strings.Repeat("x", 2000), status: 413, answer: "one word", level: "INFO"},
		"another method":      {from: here, method: "POST", body: "DEBUG", status: 405, level: "INFO"},
		"from elsewhere":      {from: "10.1.2.3:4000", method: "PUT", body: "DEBUG", status: 403, answer: "kubectl port-forward", level: "INFO"},
		"read from elsewhere": {from: "[fd00::1]:4000", method: "GET", status: 403, level: "INFO"},
		"of a mesh's proxy":   {from: "127.0.0.6:4000", method: "PUT", body: "DEBUG", status: 403, level: "INFO"},
		"for another client":  {from: here, method: "PUT", body: "DEBUG", header: map[string]string{"X-Forwarded-For": "10.1.2.3"}, status: 403, level: "INFO"},
		"forwarded":           {from: here, method: "PUT", body: "DEBUG", header: map[string]string{"Forwarded": "for=10.1.2.3"}, status: 403, level: "INFO"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			logs := quiet()
			handler := ops.Handler(config(nil), ops.NewRegistry(), new(ops.Health), logs)
			status, answer := ask(handler, test.from, test.method, test.body, test.header)
			if status != test.status || !strings.Contains(answer, test.answer) || logs.Level.String() != test.level {
				t.Errorf("%d %q and level %s, want %d %q and level %s", status, answer, logs.Level, test.status, test.answer, test.level)
			}
		})
	}
}

func TestLevel_ReachesEveryLogger(t *testing.T) {
	var out logtest.Buffer
	logs := ops.NewLogs(config(nil), &out)
	derived := logs.Logger.With().Str("part", "syncer").Logger()
	handler := ops.Handler(config(nil), ops.NewRegistry(), new(ops.Health), logs)
	derived.Debug().Msg("before")
	ask(handler, "127.0.0.1:1", "PUT", "DEBUG", nil)
	derived.Debug().Msg("during")
	ask(handler, "127.0.0.1:1", "PUT", "ERROR", nil)
	derived.Warn().Msg("after")
	got := out.String()
	if strings.Contains(got, "before") || !strings.Contains(got, "during") || strings.Contains(got, "after") {
		t.Errorf("logged:\n%s", got)
	}
	if n := strings.Count(got, "log level changed"); n != 2 { // whatever the new level is
		t.Errorf("%d changes were told:\n%s", n, got)
	}
}

func TestLogs_SignalsChangeTheLevel(t *testing.T) {
	var out logtest.Buffer
	logs := ops.NewLogs(config(func(c *ops.Config) { c.LogLevel = "WARNING" }), &out)
	defer logs.Signals()()
	for _, step := range []struct {
		signal syscall.Signal
		level  string
	}{{syscall.SIGUSR1, "DEBUG"}, {syscall.SIGUSR1, "DEBUG"}, {syscall.SIGUSR2, "WARNING"}} {
		told := fmt.Sprintf(`"log_level":"%s"`, step.level)
		before := strings.Count(out.String(), told)
		testcheck.NoError(t, syscall.Kill(syscall.Getpid(), step.signal))
		for deadline := time.Now().Add(20 * time.Second); strings.Count(out.String(), told) == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not make the level %s:\n%s", step.signal, step.level, out.String())
			}
		}
		testcheck.Equal(t, fmt.Sprintf("after %s the level", step.signal), step.level, logs.Level.String())
	}
}
