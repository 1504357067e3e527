package cli_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry/conformance"
)

func TestVerify_ReportsAFailedCase(t *testing.T) {
	server, url := newRegistry(t, refregistry.Config{})
	environment(t, map[string]string{"COMPONENT_REGISTRY_URL": url})
	server.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodPost && r.URL.Path == "/exposed-apis/" {
			return &faults.Fault{Status: http.StatusCreated, Body: "{}"} // and stores nothing
		}
		return nil
	})
	r := ctl(t, "registry", "verify", "--case", "repeat", "--case", "rename", "-o", "json")
	r.expect(t, 1, "under the name odasync-verify-")
	var report cli.Verification
	r.decode(t, &report)
	if len(report.Cases) != 2 || report.OK {
		t.Fatalf("report %+v, want two cases and not ok", report)
	}
	for _, c := range report.Cases {
		if c.Status != conformance.StatusFailed || c.Detail == "" {
			t.Errorf("case %+v, want it failed with a detail", c)
		}
	}
	if diff := cmp.Diff(refregistry.Snapshot{}, server.Snapshot()); diff != "" {
		t.Errorf("left behind:\n%s", diff)
	}
}

func TestVerify_RemovesEverythingAfterCtrlC(t *testing.T) {
	server, url := newRegistry(t, refregistry.Config{})
	environment(t, map[string]string{"COMPONENT_REGISTRY_URL": url})
	r := start(t, "registry", "verify").stopWhen(t, func() bool { return len(server.Snapshot().APIs) > 0 })
	r.expect(t, 130, "interrupted: ", "ended in the case ", "context canceled")
	if diff := cmp.Diff(refregistry.Snapshot{}, server.Snapshot()); diff != "" {
		t.Errorf("left behind:\n%s", diff)
	}
}

func TestVerify_NamesTheFlagWhenTheTimeIsOver(t *testing.T) {
	server, url := newRegistry(t, refregistry.Config{})
	environment(t, map[string]string{"COMPONENT_REGISTRY_URL": url})
	server.SetFault(func(*http.Request) *faults.Fault { return &faults.Fault{Delay: 50 * time.Millisecond} })
	ctl(t, "registry", "verify", "--timeout", "1s").expect(t, 2, "--timeout is over: give more time")
}
