package event_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := anyEvent(t)
		expected := rapid.Uint64().Draw(t, "expected")
		sequence := rapid.Uint64Min(1).Draw(t, "sequence")
		m := event.Encode(sent, expected)
		for key, values := range m.Header {
			for _, value := range values {
				if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Fatalf("header %s holds %q, which is not printable ASCII", key, value)
				}
			}
		}

		sent.Sequence = sequence
		got, err := event.Decode(m, sequence)
		testcheck.NoError(t, err)
		testcheck.MustEqual(t, "sent (-) and received (+)", sent, got, cmpopts.EquateEmpty())

		m.Data = nil
		head, err := event.DecodeHead(m, sequence)
		testcheck.NoError(t, err)
		want := event.Head{
			Key: sent.Key, Sequence: sequence, Deleted: sent.Deleted(), Hash: sent.Hash, UID: sent.UID,
			Time: sent.Time.UTC(),
		}
		testcheck.MustEqual(t, "head", want, head)
	})
}

// anyEvent draws a tombstone of any key, or an upsert whose texts are UTF-8, as JSON and a Kubernetes API server ask.
func anyEvent(t *rapid.T) event.Event {
	uid, version := rapid.StringMatching(`[0-9a-f-]{0,12}`), rapid.StringMatching(`[0-9]{0,25}`)
	seen := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))
	if rapid.Bool().Draw(t, "deleted") {
		return event.Tombstone(anyKey(t, "key"), uid.Draw(t, "uid"), version.Draw(t, "version"), seen)
	}
	key := component.Key{
		Cluster:   string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "cluster")),
		Namespace: rapid.String().Draw(t, "namespace"),
		Name:      rapid.String().Draw(t, "name"),
	}
	c := &component.Component{
		Namespace: key.Namespace, Name: key.Name,
		Labels:           rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "labels"),
		Metadata:         component.Metadata{Description: rapid.String().Draw(t, "description"), ETOM: rapid.SliceOfN(rapid.String(), 0, 2).Draw(t, "eTOM")},
		DeploymentStatus: rapid.String().Draw(t, "status"),
		Created:          rapid.String().Draw(t, "created"),
	}
	if rapid.Bool().Draw(t, "has fields") {
		value := rapid.SampledFrom([]string{`1e400`, `"<&>\u2028"`, `{"a":[null,{}],"b":9007199254740993}`})
		c.Metadata.Fields = map[string]json.RawMessage{rapid.String().Draw(t, "field"): json.RawMessage(value.Draw(t, "value"))}
	}
	for range rapid.IntRange(0, 2).Draw(t, "dependencies") {
		c.DependentAPIs = append(c.DependentAPIs, component.DependentAPI{
			Name:    rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "dependency"),
			Segment: rapid.SampledFrom(component.Segments()).Draw(t, "segment"),
			Ready:   rapid.Bool().Draw(t, "ready"),
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "APIs") {
		c.ExposedAPIs = append(c.ExposedAPIs, component.ExposedAPI{
			Name:    rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "API"),
			Segment: rapid.SampledFrom(component.Segments()).Draw(t, "segment"),
			Ready:   rapid.Bool().Draw(t, "ready"),
			Specifications: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) component.Specification {
				return component.Specification{URL: rapid.String().Draw(t, "URL")}
			}), 0, 2).Draw(t, "specifications"),
		})
	}
	return event.Upserted(key, component.Observation{
		UID: uid.Draw(t, "uid"), ResourceVersion: version.Draw(t, "version"), Seen: seen, Component: c,
	})
}

func TestMessage_ID(t *testing.T) {
	key := component.Key{Cluster: "c", Namespace: "ns", Name: "a"}
	upsert := func(status, uid string) event.Event {
		return event.Upserted(key, component.Observation{
			UID: uid, Seen: seen, Component: &component.Component{Namespace: "ns", Name: "a", DeploymentStatus: status},
		})
	}
	other := upsert("A", "u1")
	other.Key.Cluster = "d"
	later := upsert("A", "u1")
	later.Time, later.ResourceVersion = seen.Add(time.Hour), "2"
	first := id(event.Encode(upsert("A", "u1"), 7))

	differ := map[string]event.Message{
		"same content after another sequence": event.Encode(upsert("A", "u1"), 9),
		"other content":                       event.Encode(upsert("B", "u1"), 7),
		"other resource of the same name":     event.Encode(upsert("A", "u2"), 7),
		"other cluster":                       event.Encode(other, 7),
		"deletion":                            event.Encode(event.Tombstone(key, "u1", "", seen), 7),
	}
	for name, m := range differ {
		if id(m) == first {
			t.Errorf("%s has the same id %s", name, first)
		}
	}
	testcheck.Equal(t, "id of a repeat that was seen later", first, id(event.Encode(later, 7)))
	testcheck.Equal(t, fmt.Sprintf("the CloudEvents id beside the message's id %s", first), []string{first}, event.Encode(upsert("A", "u1"), 7).Header[event.HeaderID])
}

func TestMessage_Follows(t *testing.T) {
	key := component.Key{Cluster: "c", Namespace: "ns", Name: "a/b.c"}
	for _, expected := range []uint64{0, 7, 1<<64 - 1} {
		for _, e := range []event.Event{event.Tombstone(key, "", "", time.Time{}), event.Tombstone(key, "u/1", "", time.Time{})} {
			m := event.Encode(e, expected)
			testcheck.Equal(t, fmt.Sprintf("what %s follows", m.MessageID()), expected, m.Follows())
		}
	}
	for _, id := range []string{"", "x", "x/", "x/y/7", "x/-1/y"} {
		m := event.Message{Header: map[string][]string{event.HeaderMessageID: {id}}}
		testcheck.Equal(t, fmt.Sprintf("what %q follows", id), 0, m.Follows())
	}
}

func TestDecode_Errors(t *testing.T) {
	e := event.Upserted(component.Key{Cluster: "c", Namespace: "components", Name: "prod-productcatalog"},
		component.Observation{UID: "u", Seen: seen, Component: catalog()})
	tests := map[string]struct {
		change func(*event.Message)
		says   []string
		head   bool // the head reads all the same
	}{
		"foreign subject":   {func(m *event.Message) { m.Subject = "orders.new" }, []string{"message 5", "orders.new"}, false},
		"undecodable token": {func(m *event.Message) { m.Subject = "oda.components.v1.c.ns.=zz" }, []string{"message 5", "=HH"}, false},
		"no headers":        {func(m *event.Message) { m.Header = nil }, []string{"type \"\"", "not a component event"}, false},
		"no value":          {func(m *event.Message) { m.Header[event.HeaderType] = nil }, []string{"not a component event"}, false},
		"foreign type":      {func(m *event.Message) { set(m, event.HeaderType, "com.example.order") }, []string{"com.example.order", "not a component event"}, false},
		"newer type":        {func(m *event.Message) { set(m, event.HeaderType, "org.tmforum.oda.component.upserted.v2") }, []string{"newer than this program", "upgrade"}, false},
		"case of a key": {func(m *event.Message) {
			m.Header["Ce-Type"] = m.Header[event.HeaderType]
			delete(m.Header, event.HeaderType)
		}, []string{"not a component event"}, false},
		"no hash":               {func(m *event.Message) { delete(m.Header, event.HeaderHash) }, []string{"header oda-hash is missing"}, false},
		"no time":               {func(m *event.Message) { delete(m.Header, event.HeaderTime) }, []string{"header ce-time", "message 5"}, true},
		"wrong time":            {func(m *event.Message) { set(m, event.HeaderTime, "yesterday") }, []string{"header ce-time", "yesterday"}, true},
		"no body":               {func(m *event.Message) { m.Data = nil }, []string{"body", "message 5"}, true},
		"body is no JSON":       {func(m *event.Message) { m.Data = []byte("{") }, []string{"body", "message 5"}, true},
		"body is null":          {func(m *event.Message) { m.Data = []byte("null") }, []string{`body names /`}, true},
		"two bodies":            {func(m *event.Message) { m.Data = append(m.Data, m.Data...) }, []string{"body"}, true},
		"field of a wrong type": {func(m *event.Message) { m.Data = []byte(`{"exposedAPIs":{}}`) }, []string{"exposedAPIs"}, true},
		"body of another":       {func(m *event.Message) { m.Data = []byte(`{"namespace":"components","name":"other"}`) }, []string{"body names components/other"}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := event.Encode(e, 4)
			test.change(&m)
			got, err := event.Decode(m, 5)
			if err == nil {
				t.Fatalf("decoded as %+v", got)
			}
			testcheck.ErrorContains(t, err, test.says...)
			if _, err := event.DecodeHead(m, 5); (err == nil) != test.head {
				t.Errorf("reading the head gives %v", err)
			}
		})
	}
}

func TestDecode_ToleratesNewerWriters(t *testing.T) {
	key := component.Key{Cluster: "c", Namespace: "ns", Name: "a"}
	want := event.Upserted(key, component.Observation{Seen: seen, Component: &component.Component{Namespace: "ns", Name: "a"}})
	m := event.Encode(want, 0)
	set(&m, "oda-unheard-of", "1")
	m.Data = []byte(strings.Replace(string(m.Data), "{", `{"unheardOf":[1,{"a":null}],`, 1))
	got, err := event.Decode(m, 1)
	testcheck.NoError(t, err)
	want.Sequence = 1
	testcheck.Equal(t, "decoded event", want, got, cmpopts.EquateEmpty())
}

func TestEncode_Trace(t *testing.T) {
	const parent, state = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1"
	for name, want := range map[string]event.Trace{"none": {}, "parent": {Parent: parent}, "both": {Parent: parent, State: state}} {
		t.Run(name, func(t *testing.T) {
			e := event.Tombstone(component.Key{Cluster: "c", Namespace: "ns", Name: "a"}, "", "", seen)
			e.Trace = want
			m := event.Encode(e, 0)
			if got := header(m, "traceparent") + header(m, "tracestate"); got != want.Parent+want.State || len(m.Header["traceparent"]) > 0 != (want.Parent != "") {
				t.Errorf("headers %v", m.Header)
			}
			got, err := event.Decode(m, 1)
			if err != nil || got.Trace != want {
				t.Errorf("read as %+v, %v", got.Trace, err)
			}
		})
	}
}

func TestEncode_Tombstone(t *testing.T) {
	m := event.Encode(event.Tombstone(component.Key{Cluster: "c", Namespace: "ns", Name: "a"}, "", "", seen), 1)
	set(&m, event.HeaderHash, "abc")
	m.Data = []byte(`{"namespace":"ns","name":"a"}`)
	got, err := event.Decode(m, 2)
	testcheck.NoError(t, err)
	if !got.Deleted() || got.Hash != "" {
		t.Errorf("read as %+v", got)
	}
}

func FuzzDecode(f *testing.F) {
	upsert := event.Encode(event.Upserted(component.Key{Cluster: "c", Namespace: "components", Name: "prod-productcatalog"},
		component.Observation{UID: "u", ResourceVersion: "1", Seen: seen, Component: catalog()}), 3)
	deleted := event.Encode(event.Tombstone(component.Key{Cluster: "c", Namespace: "ns", Name: "a.b"}, "", "", seen), 0)
	for _, m := range []event.Message{upsert, deleted} {
		f.Add(m.Subject, header(m, event.HeaderType), header(m, event.HeaderHash), header(m, event.HeaderTime), m.Data)
	}
	f.Add(upsert.Subject, event.TypeUpserted, "h", "9999-12-31T23:59:59-12:00", []byte(`{"namespace":"components","name":"prod-productcatalog","labels":{}}`))
	f.Add(upsert.Subject, event.TypeUpserted, "h", "2026-01-15T08:00:00Z", []byte(`{"namespace":"components","name":"prod-productcatalog","metadata":{"fields":{"a": null ,"b":{ "c":[1 ]}}}}`))
	f.Fuzz(func(t *testing.T, subject, kind, hash, at string, body []byte) {
		m := event.Message{Subject: subject, Data: body, Header: map[string][]string{
			event.HeaderType: {kind}, event.HeaderHash: {hash}, event.HeaderTime: {at},
		}}
		read, err := event.Decode(m, 1)
		if err != nil {
			return
		}
		if year := read.Time.UTC().Year(); year < 0 || year > 9999 {
			return // legal to read, and no watcher sees such a year
		}
		again, err := event.Decode(event.Encode(read, 0), 1)
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		testcheck.Equal(t, "read (-) and read again (+)", read, again, cmpopts.EquateEmpty(), cmp.Comparer(equalJSON))
	})
}

// equalJSON ignores spaces, which another writer may have put into a value.
func equalJSON(a, b json.RawMessage) bool {
	var left, right bytes.Buffer
	return json.Compact(&left, a) == nil && json.Compact(&right, b) == nil && left.String() == right.String()
}

func id(m event.Message) string { return m.MessageID() }

func set(m *event.Message, key, value string) {
	m.Header = maps.Clone(m.Header)
	m.Header[key] = []string{value}
}

func header(m event.Message, key string) string {
	if values := m.Header[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}
