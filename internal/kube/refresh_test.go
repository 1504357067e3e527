package kube_test

import (
	"fmt"
	"net/http"
	"testing"

	"odasync/internal/kube"
)

// Who asks while a round is being read wants one that begins afterwards.
func TestARoundThatIsUnderWayAnswersNobodyWhoAsksNow(t *testing.T) {
	asked := make(chan struct{})
	first := func(w http.ResponseWriter, r *http.Request) {
		send(w, []map[string]any{added("a", "x", "1")})
		<-asked
		send(w, []map[string]any{ends("5")})
		<-r.Context().Done()
	}
	server := newAPIServer(t, first, holds(added("a", "x", "1"), ends("6")))
	r := watchServer(t, server.URL, map[string]string{"KUBERNETES_NAMESPACE": "a"}, func(tuning *kube.Tuning) {
		tuning.InitialIdle, tuning.SilentAfter = patience, patience
	})
	expect(t, "reports", []string{"begin 1 a", "1 seen a/x@1"}, r.recorder.said)
	r.Refresh()
	r.Refresh() // two who ask are answered by one round
	close(asked)
	expect(t, "reports", []string{
		"begin 1 a", "1 seen a/x@1", "end 1 a", "begin 2 a", "2 seen a/x@1", "end 2 a",
	}, r.recorder.said)
	r.Refresh()
	eventually(t, func() string {
		if said := r.recorder.said(); len(said) != 9 || said[6] != "begin 3 a" {
			return fmt.Sprintf("no third round: %q", said)
		}
		return ""
	})
	if err := r.State(); err != nil {
		t.Error(err)
	}
}
