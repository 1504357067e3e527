package tmf639_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// receiver records the events that a hub is sent, and answers with a status.
type receiver struct {
	url    string
	mu     sync.Mutex
	events []string
}

func receive(t *testing.T, status int) *receiver {
	t.Helper()
	r := &receiver{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.events = append(r.events, req.Method+" "+req.URL.Path+" "+req.Header.Get("Content-Type")+" "+string(body))
		r.mu.Unlock()
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

func startAtNoon(t *testing.T) (*refregistry.Server, *registrytest.Client) {
	t.Helper()
	return registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Now: registrytest.Noon().Now})
}

func TestService_SendsEvents(t *testing.T) {
	_, c := startAtNoon(t)
	hub := receive(t, http.StatusTemporaryRedirect)
	c.Expect(201, "POST", "/hub", `{"id":"h","callback":"`+hub.url+`/in","query":"source=canvas-a"}`)
	for _, w := range [][3]string{
		{"POST", "/resource", `{"@type":"R","id":"self:a"}`},
		{"PATCH", "/resource/self:a", `{"b":"<>"}`},
		{"POST", "/sync", `{"eventType":"ResourceChanged","id":"self:a","resource":{}}`},
		{"DELETE", "/resource/self:a", ""},
		// The following change nothing, or are the stub that a link makes.
		{"DELETE", "/resource/self:a", ""},
		{"POST", "/resource", `{}`},
		{"POST", "/sync", `{"eventType":"ResourceDeleted","id":"self:a"}`},
		{"POST", "/resource", `{"@type":"R","id":"b","resourceRelationship":` + reference("self:a") + `}`},
	} {
		call(c, w[0], w[1], w[2])
	}
	event := func(kind, id, document string) string {
		return `POST /in application/json {"query":"source=canvas-a","eventType":"Resource` + kind + `","eventTime":"2026-05-04T12:00:00.000000Z","id":"` + id +
			`","resource":` + document + `}`
	}
	const id = `"id":"self:a","href":"http://registry/resource/self:a"`
	registrytest.Same(t, []string{
		event("Created", "self:a", `{"@type":"R",`+id+`}`),
		event("Changed", "self:a", `{"b":"<>",`+id+`}`),
		event("Changed", "self:a", `{`+id+`}`),
		event("Deleted", "self:a", `{}`),
		event("Created", "b", `{"@type":"R","id":"b","href":"http://registry/resource/b","resourceRelationship":[{"@type":"ResourceRelationship",`+
			`"relationshipType":"exposedBy","resource":{`+id+`,"@type":"ResourceRef"}}]}`),
	}, hub.received())
}

// TestService_WritesInSpiteOfHubs has hubs that fail in every way but a time-out.
func TestService_WritesInSpiteOfHubs(t *testing.T) {
	_, c := startAtNoon(t)
	failing, refusing, last := receive(t, 500), receive(t, 401), receive(t, 204)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for i, callback := range []string{"no address: %", "other:x", gone.URL, failing.url, refusing.url, last.url} {
		c.Expect(201, "POST", "/hub", fmt.Sprintf(`{"id":"%d","callback":"%s"}`, i, callback))
	}
	hubs := registrytest.Must[[]map[string]any](c, 200, "GET", "/hub", "")
	registrytest.Same(t, 6, len(hubs))
	for range 2 {
		c.Expect(200, "POST", "/sync", `{"eventType":"ResourceChanged","id":"self:a","resource":{}}`)
	}
	registrytest.Same(t, []int{2, 1, 2}, []int{len(failing.received()), len(refusing.received()), len(last.received())})
}

func TestService_HubAnswers(t *testing.T) {
	_, c := start(t)
	want(c, "GET", "/hub", "", 200, `[]`)
	want(c, "POST", "/hub", `{"callback":"http://x","id":"a"}`, 201, `{"id":"a","callback":"http://x","query":null}`)
	want(c, "POST", "/hub", `{"query":"q","id":"b","callback":"y","more":1}`, 201, `{"id":"b","callback":"y","query":"q"}`)
	want(c, "POST", "/hub", `{"callback":"z","id":"a"}`, 500, "Internal Server Error")
	want(c, "POST", "/hub", `{"id":"c"}`, 422, `{"detail":[{"type":"missing","loc":["body","callback"],"msg":"Field required","input":{"id":"c"}}]}`)
	want(c, "POST", "/hub", `{"id":1,"callback":null}`, 422,
		`{"detail":[{"type":"string_type","loc":["body","callback"],"msg":"Input should be a valid string","input":null},`+
			`{"type":"string_type","loc":["body","id"],"msg":"Input should be a valid string","input":1}]}`)
	want(c, "GET", "/hub/b", "", 200, `{"id":"b","callback":"y","query":"q"}`)
	want(c, "DELETE", "/hub/a", "", 204, "")
	want(c, "DELETE", "/hub/a", "", 404, `{"detail":"Hub with id a not found"}`)
	want(c, "GET", "/hub/a", "", 404, `{"detail":"Hub with id a not found"}`)
	want(c, "GET", "/hub", "", 200, `[{"id":"b","callback":"y","query":"q"}]`)
}

func TestService_NamesAHub(t *testing.T) {
	_, c := start(t)
	_, other := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Name: "global"})
	nameless := receive(t, 200)
	for callback, name := range map[string]string{
		other.URL + "/sync": "global", other.URL + "/other": "", nameless.url + "/sync": "", "http://127.0.0.1:1/sync": "", "%/sync": "",
	} {
		got := registrytest.Must[struct{ ID string }](c, 201, "POST", "/hub", `{"callback":"`+callback+`"}`).ID
		if got != name && (name != "" || len(got) != 36) {
			t.Errorf("hub with callback %q is %q, want %q", callback, got, name)
		}
	}
}

func TestService_Sync(t *testing.T) {
	s, c := start(t)
	answer := func(eventType, id, action string) string {
		return `{"status":"synchronized","eventType":"Resource` + eventType + `","resourceId":"` + id + `","action":"` + action + `"}`
	}
	event := func(eventType, id string) string {
		return `{"query":"source=canvas-a","eventType":"Resource` + eventType + `","id":"` + id + `","resource":{"name":null,"a":["self:x",{"b":"not self:x"}],` +
			`"id":"` + id + `","href":"h","resourceRelationship":` + reference("self:c") + `}}`
	}
	want(c, "POST", "/sync", event("Created", "self:a"), 200, answer("Created", "canvas-a:a", "created"))
	registrytest.Same(t, `{"name":null,"a":["canvas-a:x",{"b":"not self:x"}]}`, string(s.Resources()[0].Document))
	registrytest.Same(t, "canvas-a:c", s.Resources()[0].Links[0].Target)
	want(c, "POST", "/sync", event("Created", "self:a"), 200, answer("Created", "canvas-a:a", "updated"))
	want(c, "POST", "/sync", event("Changed", "self:a"), 200, answer("Changed", "canvas-a:a", "updated"))
	registrytest.Same(t, 1, len(s.Resources()[0].Links))
	want(c, "POST", "/sync", event("Changed", "b"), 200, answer("Changed", "b", "created_from_update"))
	want(c, "POST", "/sync", event("Deleted", "self:a"), 200, answer("Deleted", "canvas-a:a", "deleted"))
	want(c, "POST", "/sync", event("Deleted", "self:a"), 200, answer("Deleted", "canvas-a:a", "already_deleted"))
	want(c, "POST", "/sync", event("Renamed", "b"), 500, `{"detail":"Error processing sync event: 400: Unknown eventType: ResourceRenamed"}`)
	want(c, "POST", "/sync", `{"eventType":"ResourceCreated"}`, 500, `{"detail":"Error processing sync event: 400: Missing id in event payload"}`)
	want(c, "POST", "/sync", `{}`, 400, `{"detail":"Missing eventType in event payload"}`)
}

// TestService_FeedsAnother connects two registries by a hub.
func TestService_FeedsAnother(t *testing.T) {
	_, c := start(t)
	global, to := start(t)
	c.Expect(201, "POST", "/hub", `{"callback":"`+to.URL+`/sync","query":"source=canvas-a"}`)
	seed(c)
	var got []string
	for _, r := range global.Resources() {
		got = append(got, r.ID)
	}
	registrytest.Same(t, []string{"canvas-a:shop", "canvas-a:shop-orders"}, got)
	registrytest.Same(t, "canvas-a:shop", global.Resources()[1].Links[0].Target)
}
