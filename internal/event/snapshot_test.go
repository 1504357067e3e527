package event_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/prune"
	"odasync/internal/testcheck"
)

// snapshot is a marker with something in every field.
func snapshot() event.Snapshot {
	var gone []component.Key
	for n := range 11 {
		gone = append(gone, component.Key{Cluster: "Nürnberg 1", Namespace: "components", Name: fmt.Sprintf("c-%02d", n)})
	}
	pending := prune.Changed("cluster Nürnberg 1", prune.ClusterChange{Was: "uid-1", Is: "uid-2"}, gone, 30)
	pending.Time = seen.UTC()
	return event.Snapshot{
		ID: "Xb9TVUuQ0WkEDGUVhWZ8Aa", Cluster: "Nürnberg 1", Time: seen, Count: 30, Digest: "0a1b2c", ResourceVersion: "18446744073709551616",
		Sequence: 4711, Published: 2, Tombstoned: 1, Seconds: 0.25, ClusterUID: "uid-1", Unlisted: []string{"far", "near"}, PendingDeletion: pending,
	}
}

func TestGoldenSnapshot(t *testing.T) {
	for name, marker := range map[string]event.Snapshot{
		"marker":      snapshot(),
		"marker-bare": {ID: "Xb9TVUuQ0WkEDGUVhWZ8Ab", Cluster: "edge-1", Time: seen},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := event.EncodeSnapshot(marker)
			testcheck.NoError(t, err)
			testcheck.Golden(t, wireForm, filepath.Join("testdata", name+".golden"), render(m), *update)
			read, err := event.DecodeSnapshot(m)
			testcheck.NoError(t, err)
			testcheck.Equal(t, "written (-) and read (+)", marker, read)
		})
	}
}

func TestEncodeSnapshot_Error(t *testing.T) {
	marker := snapshot()
	marker.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if m, err := event.EncodeSnapshot(marker); err == nil {
		t.Errorf("encoded as %s", m.Data)
	}
}

func TestDecodeSnapshot_Errors(t *testing.T) {
	tests := map[string]func(*event.Message){
		"no headers":         func(m *event.Message) { m.Header = nil },
		"a component event":  func(m *event.Message) { set(m, event.HeaderType, event.TypeUpserted) },
		"a newer type":       func(m *event.Message) { set(m, event.HeaderType, "org.tmforum.oda.snapshot.v2") },
		"no body":            func(m *event.Message) { m.Data = nil },
		"no JSON":            func(m *event.Message) { m.Data = []byte("{") },
		"null":               func(m *event.Message) { m.Data = []byte("null") },
		"an empty object":    func(m *event.Message) { m.Data = []byte("{}") },
		"no id":              func(m *event.Message) { m.Data = []byte(`{"cluster":"Nürnberg 1"}`) },
		"a wrong type":       func(m *event.Message) { m.Data = []byte(`{"id":"x","cluster":"Nürnberg 1","count":"many"}`) },
		"of another cluster": func(m *event.Message) { m.Subject = event.SnapshotSubject("edge-2") },
		"no marker's place":  func(m *event.Message) { m.Subject = "oda.components.v1.edge-1.ns.a" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := event.EncodeSnapshot(snapshot())
			testcheck.NoError(t, err)
			change(&m)
			if got, err := event.DecodeSnapshot(m); !errors.Is(err, event.ErrMalformed) || !cmp.Equal(got, event.Snapshot{}) {
				t.Errorf("read as %+v, %v", got, err)
			}
		})
	}
}

func TestDecodeSnapshot_ToleratesNewerWriters(t *testing.T) {
	m, err := event.EncodeSnapshot(snapshot())
	testcheck.NoError(t, err)
	m.Data = append([]byte(`{"unheardOf":[1,{"a":null}],`), m.Data[1:]...)
	got, err := event.DecodeSnapshot(m)
	if diff := cmp.Diff(snapshot(), got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	for _, marker := range []event.Snapshot{snapshot(), {ID: "x", Cluster: "c", Time: seen}} {
		m, err := event.EncodeSnapshot(marker)
		testcheck.NoError(f, err)
		f.Add(m.Subject, header(m, event.HeaderType), m.Data)
	}
	f.Add("oda.snapshots.v1.=", event.TypeSnapshot, []byte(`{"id":"x","pendingDeletion":{"clusterChange":{}}}`))
	f.Fuzz(func(t *testing.T, subject, kind string, body []byte) {
		m := event.Message{Subject: subject, Data: body, Header: map[string][]string{event.HeaderType: {kind}}}
		read, err := event.DecodeSnapshot(m)
		if err != nil {
			return
		}
		written, err := event.EncodeSnapshot(read)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := event.DecodeSnapshot(written)
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		testcheck.Equal(t, "read (-) and read again (+)", read, again, cmpopts.EquateEmpty())
	})
}
