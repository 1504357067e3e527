package faults

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"odasync/internal/refregistry/faults"
	"odasync/test/testenv"
)

// TestPoison_ClearsItself answers 500 to one component for half a minute, long enough for a dead letter. Afterwards it is
// applied without a retry by command and without a change.
func TestPoison_ClearsItself(t *testing.T) {
	const namespace, lasts = "faults-poison", 30 * time.Second
	f := newFleet(t, namespace)
	well := time.Now().Add(lasts)
	f.Registry.SetFault(func(r *http.Request) *faults.Fault {
		if time.Now().After(well) || r.Method != http.MethodPost || r.URL.Path != "/exposed-apis/" {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err != nil || !bytes.Contains(body, []byte("poisonous")) {
			return nil
		}
		return &faults.Fault{Status: http.StatusInternalServerError, Body: `{"detail":"integrity error"}`}
	})
	f.Apply(testenv.Component(namespace, "bad", "1", "poisonous"))
	f.apply("good", "1")
	f.watch(1, nil)
	f.sync(2, map[string]string{"SYNC_INTERVAL": "2", "COMPONENT_REGISTRY_RETRY_DELAY": "100ms"})
	f.expectDeadLetters(namespace + "/bad")
	if !time.Now().Before(well) {
		t.Fatal("the registry recovered before there was a dead letter: nothing was tested")
	}
	f.apply("good", "2")
	f.Eventually(testenv.Timeout, "another component is applied meanwhile", func() error { return f.expectVersion("good", "2") })

	f.AwaitInSync(4 * testenv.Timeout) // the first retry comes half a minute after the last try
	f.expectDeadLetters()
	f.expectNoAnomalies()
}
