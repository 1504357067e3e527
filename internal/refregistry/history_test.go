package refregistry_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/refregistry/registrytest"
	v1 "odasync/internal/refregistry/v1"
	"odasync/internal/testcheck"
)

func TestHistory_RecordsWhatTookEffect(t *testing.T) {
	s, c := registrytest.Seeded(t, refregistry.Config{RecordHistory: true})
	before := len(s.History())
	for _, w := range [][3]string{
		{"PUT", "/labels/1", `{"value":"red"}`},
		{"PUT", "/registries/2", `{"name":"above"}`},
		{"PUT", "/components/2", `{"name":"stock"}`},
		{"PUT", "/exposed-apis/1", `{"url":"u"}`},
		{"PATCH", "/exposed-apis/2/status", `{"status":"ready"}`},
		{"DELETE", "/exposed-apis/1", ""},
		{"DELETE", "/components/1", ""},
		{"DELETE", "/registries/2", ""},
		{"DELETE", "/labels/1", ""},
		// The following change nothing.
		{"GET", "/labels/", ""},
		{"POST", "/registries/", `{"name":"self","type":"self","url":"u"}`},
		{"DELETE", "/components/9", ""},
		{"PUT", "/components/2", `{"name":""}`},
	} {
		c.Do(w[0], w[1], w[2])
	}
	writes := s.History()
	want := []v1.Write{
		{Method: "PUT", Kind: v1.KindLabel, ID: 1, Body: []byte(`{"value":"red"}`)},
		{Method: "PUT", Kind: v1.KindRegistry, Registry: "above", ID: 2, Body: []byte(`{"name":"above"}`)},
		{Method: "PUT", Kind: v1.KindComponent, Registry: "self", Component: "stock", ID: 2, Body: []byte(`{"name":"stock"}`)},
		{Method: "PUT", Kind: v1.KindAPI, Registry: "self", Component: "catalog", API: "tmf620", ID: 1, Body: []byte(`{"url":"u"}`)},
		{Method: "PATCH", Kind: v1.KindAPI, Registry: "self", Component: "catalog", API: "metrics", ID: 2, Body: []byte(`{"status":"ready"}`)},
		{Method: "DELETE", Kind: v1.KindAPI, Registry: "self", Component: "catalog", API: "tmf620", ID: 1},
		{Method: "DELETE", Kind: v1.KindComponent, Registry: "self", Component: "catalog", ID: 1},
		{Method: "DELETE", Kind: v1.KindRegistry, Registry: "above", ID: 2},
		{Method: "DELETE", Kind: v1.KindLabel, ID: 1},
	}
	var got []v1.Write
	for _, w := range writes[before:] {
		got = append(got, w.Write)
	}
	registrytest.Same(t, want, got)
	for i, w := range writes {
		if w.Start.After(w.Time) || w.Time.After(w.End) {
			t.Errorf("write %d: start %v, time %v and end %v are not in order", i, w.Start, w.Time, w.End)
		}
		if i > 0 && (w.Time.Before(writes[i-1].Time) || w.Overlaps(writes[i-1])) {
			t.Errorf("write %d overlaps or precedes the one before it, which was over", i)
		}
	}
}

// TestHistory_NamesTheWriter distinguishes writers by the user that they send, and by their connections.
func TestHistory_NamesTheWriter(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{RecordHistory: true})
	for i, user := range []string{"", "syncer-1"} {
		req := c.Request("POST", "/labels/", fmt.Sprintf(`{"key":"colour","value":"%d"}`, i))
		if user != "" {
			req.SetBasicAuth(user, "secret")
		}
		testcheck.Must(c.Send(req))
	}
	writes := s.History()
	registrytest.Same(t, 2, len(writes))
	for i, want := range []string{"127.0.0.1:", "syncer-1 at 127.0.0.1:"} {
		if got := writes[i].Writer; !strings.HasPrefix(got, want) || strings.Contains(got, "secret") {
			t.Errorf("writer %d is %q, want %q and a port", i, got, want)
		}
	}
}

func TestHistory_IsOff(t *testing.T) {
	s, _ := registrytest.Seeded(t, refregistry.Config{})
	registrytest.Same(t, 0, len(s.History()))
}

// TestHistory_ShowsAStaleWrite delays a write until a later one has taken
// effect: the history has the overlap and the order.
func TestHistory_ShowsAStaleWrite(t *testing.T) {
	s, c := registrytest.Seeded(t, refregistry.Config{RecordHistory: true})
	before := len(s.History())
	held, injected := make(chan struct{}), make(chan struct{})
	s.SetFault(func(r *http.Request) *faults.Fault {
		if r.Header.Get("Held") != "" {
			close(injected)
			<-held
		}
		return nil
	})
	var older sync.WaitGroup
	older.Go(func() {
		req := c.Request("PUT", "/components/1", `{"label_ids":[1]}`)
		req.Header.Set("Held", "yes")
		if _, err := c.Send(req); err != nil {
			t.Error(err)
		}
	})
	<-injected
	c.Expect(200, "PUT", "/components/1", `{"label_ids":[2]}`)
	close(held)
	older.Wait()
	writes := s.History()[before:]
	testcheck.MustEqual(t, "writes", 2, len(writes))
	registrytest.Same(t, `{"label_ids":[2]}`, string(writes[0].Body))
	registrytest.Same(t, `{"label_ids":[1]}`, string(writes[1].Body))
	if !writes[0].Overlaps(writes[1]) || !writes[1].Overlaps(writes[0]) {
		t.Error("the writes are not shown as overlapping")
	}
	if !writes[1].Start.Before(writes[0].Start) {
		t.Error("the write that took effect last is not shown as the one that came first")
	}
}

func TestWrite_Overlaps(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	a := refregistry.Write{Start: at(10), End: at(20)}
	tests := []struct {
		name  string
		other refregistry.Write
		want  bool
	}{
		{"before", refregistry.Write{Start: at(1), End: at(9)}, false},
		{"up to the start", refregistry.Write{Start: at(1), End: at(10)}, false},
		{"into it", refregistry.Write{Start: at(1), End: at(11)}, true},
		{"within", refregistry.Write{Start: at(12), End: at(13)}, true},
		{"around", refregistry.Write{Start: at(1), End: at(30)}, true},
		{"from the end", refregistry.Write{Start: at(20), End: at(30)}, false},
		{"still in progress since before", refregistry.Write{Start: at(1)}, true},
		{"still in progress since after", refregistry.Write{Start: at(25)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			testcheck.Equal(t, "Overlaps", tt.want, a.Overlaps(tt.other))
			testcheck.Equal(t, "Overlaps, the other way round", tt.want, tt.other.Overlaps(a))
		})
	}
}
