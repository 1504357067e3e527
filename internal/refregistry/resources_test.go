package refregistry_test

import (
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/refregistry/tmf639"
	v1 "odasync/internal/refregistry/v1"
)

const document = `{"@type":"LogicalResource","id":"self:shop"}`

func TestServer_Resources(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Now: registrytest.Noon().Now})
	c.Expect(201, "POST", "/resource", document)
	registrytest.Same(t, []tmf639.Resource{
		{ID: "self:shop", Document: []byte(`{"@type":"LogicalResource"}`), Changed: registrytest.Noon().Time},
	}, s.Resources())
	registrytest.Same(t, map[string]int{"POST /resource": 1}, s.Requests())
	registrytest.Same(t, refregistry.Snapshot{}, s.Snapshot())

	other, _ := registrytest.Start(t, refregistry.Config{})
	registrytest.Same(t, nil, other.Resources())
}

func TestHistory_RecordsResources(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, RecordHistory: true})
	for _, w := range [][3]string{
		{"POST", "/resource", document},
		{"PATCH", "/resource/self:shop", `{}`},
		{"DELETE", "/resource/self:shop", ""},
		// The following change nothing.
		{"DELETE", "/resource/self:shop", ""},
		{"POST", "/resource", `{}`},
		{"GET", "/resource", ""},
	} {
		c.Do(w[0], w[1], w[2])
	}
	type write struct {
		v1.Write
		ID string
	}
	var got []write
	for _, w := range s.History() {
		got = append(got, write{w.Write, w.ResourceID})
		if w.Start.IsZero() || w.End.Before(w.Start) || w.Writer == "" {
			t.Errorf("%s: start %v, end %v and writer %q are not complete", w.Method, w.Start, w.End, w.Writer)
		}
	}
	want := []write{
		{v1.Write{Method: "POST", Kind: refregistry.KindResource, Body: []byte(document)}, "self:shop"},
		{v1.Write{Method: "PATCH", Kind: refregistry.KindResource, Body: []byte(`{}`)}, "self:shop"},
		{v1.Write{Method: "DELETE", Kind: refregistry.KindResource}, "self:shop"},
	}
	registrytest.Same(t, want, got)
}
