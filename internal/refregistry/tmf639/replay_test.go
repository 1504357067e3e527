package tmf639_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

// exchange is a request to the deployed service and its answer.
type exchange struct {
	Request struct {
		Method, Path, BodyText string
		Body                   json.RawMessage
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

// capture is a file of one exchange or several.
type capture struct {
	exchange
	Exchanges []json.RawMessage
}

const capturedHost = "canvas-compreg.canvas.svc.cluster.local"

// TestService_Captures replays exchanges with the deployed service: those in
// testdata, and the documents of the folder that ODASYNC_SHARED names.
func TestService_Captures(t *testing.T) {
	t.Run("testdata", func(t *testing.T) {
		_, c := start(t)
		replay(t, c, filepath.Join("testdata", "captures.json"))
	})
	shared := os.Getenv("ODASYNC_SHARED")
	if shared == "" {
		t.Log("ODASYNC_SHARED is not set: only testdata")
		return
	}
	file := func(name string) string {
		return filepath.Join(shared, "reference", "tmf639-documents", name+".json")
	}
	t.Run("documents", func(t *testing.T) {
		_, c := start(t)
		for _, name := range []string{"01-component-post", "02-api-post-specification-array", "03-api-post-metrics"} {
			replay(t, c, file(name))
		}
		c.Expect(201, "POST", "/resource", `{"@type":"R","id":"self:ctk-productcatalogmanagement-userrolesandpermissions","resourceVersion":"1004"}`)
		// The Component of the next file was posted before what it has.
		component := exchanges(t, file("05-pending-component-and-api"))[0]
		c.Expect(201, "POST", "/resource", string(component.Response.Body))
		for _, name := range []string{"05-pending-component-and-api", "06-get-api", "07-list", "08-errors", "09-patch-replaces"} {
			replay(t, c, file(name))
		}
		posted := exchanges(t, file("01-component-post"))[0]
		deletion := exchanges(t, file("14-component-deleted-first"))
		check(t, c, deletion[:2]...)
		c.Expect(201, "POST", "/resource", string(posted.Request.Body))
		check(t, c, deletion[2:]...)
	})
	t.Run("specification object", func(t *testing.T) {
		_, c := start(t)
		replay(t, c, file("01-component-post"))
		replay(t, c, file("04-api-post-specification-object"))
	})
	t.Run("hub", func(t *testing.T) {
		_, c := start(t)
		replay(t, c, file("10-hub-registration"))
	})
	t.Run("events", func(t *testing.T) { replayEvents(t, file("11-hub-events")) })
	t.Run("sync", func(t *testing.T) {
		_, c := start(t)
		replay(t, c, file("13-sync"))
	})
	t.Run("stub", func(t *testing.T) {
		_, c := start(t)
		c.Expect(201, "POST", "/resource", `{"@type":"R","id":"a","resourceRelationship":`+reference("self:prodcat-productcatalogmanagement")+`}`)
		replay(t, c, file("12-stub-component"))
	})
}

// replayEvents posts an API before its Component, replaces and deletes it, and
// compares the events with those that a hub received.
func replayEvents(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	testcheck.NoError(t, err)
	var captured struct {
		Received []struct{ Body jsontext.Value }
	}
	testcheck.NoError(t, json.Unmarshal(raw, &captured))
	_, c := start(t)
	hub := receive(t, 200)
	c.Expect(201, "POST", "/hub", `{"id":"h","callback":"`+hub.url+`","query":"source=canvas-a"}`)
	var want []string
	for _, event := range captured.Received {
		testcheck.NoError(t, event.Body.Compact())
		want = append(want, timeless.ReplaceAllString(string(event.Body), "T"))
		var of struct {
			EventType, ID string
			Resource      json.RawMessage
		}
		testcheck.NoError(t, json.Unmarshal(event.Body, &of))
		method, path := "DELETE", "/resource/"+of.ID
		switch of.EventType {
		case "ResourceCreated":
			method, path = "POST", "/resource"
		case "ResourceChanged":
			method = "PATCH"
		}
		// A document that was returned lacks the id of its link, which POST demands.
		body := strings.Replace(string(of.Resource), `"relationshipType"`, `"id":"r","relationshipType"`, 1)
		req := c.Request(method, path, body)
		req.Host = capturedHost
		c.Answer(req)
	}
	var got []string
	for _, event := range hub.received() {
		_, body, _ := strings.Cut(event, "application/json ")
		got = append(got, timeless.ReplaceAllString(body, "T"))
	}
	registrytest.Same(t, want, got)
}

var timeless = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`)

func replay(t *testing.T, c *registrytest.Client, file string) {
	t.Helper()
	check(t, c, exchanges(t, file)...)
}

// exchanges leaves out notes about requests that are not repeated in full.
func exchanges(t *testing.T, file string) []exchange {
	t.Helper()
	raw, err := os.ReadFile(file)
	testcheck.NoError(t, err)
	var of capture
	testcheck.NoError(t, json.Unmarshal(raw, &of))
	if len(of.Exchanges) == 0 {
		return []exchange{of.exchange}
	}
	var out []exchange
	for _, item := range of.Exchanges {
		var e exchange
		if err := json.Unmarshal(item, &e); err == nil {
			out = append(out, e)
		}
	}
	return out
}

// check sends the requests and compares status, headers and the order and
// values of everything in the body.
func check(t *testing.T, c *registrytest.Client, all ...exchange) {
	t.Helper()
	for _, e := range all {
		body := e.Request.BodyText
		if len(e.Request.Body) > 0 {
			body = string(e.Request.Body)
		}
		req := c.Request(e.Request.Method, e.Request.Path, body)
		req.Host = capturedHost
		got := c.Answer(req)
		name := e.Request.Method + " " + e.Request.Path
		if got.Status != e.Response.Status {
			t.Errorf("%s: status %d, want %d: %s", name, got.Status, e.Response.Status, got.Body)
		}
		for header, value := range e.Response.Headers {
			testcheck.Equal(t, fmt.Sprintf("%s: header %s", name, header), value, got.Header.Get(header))
		}
		if want := bodyOf(t, e, got); got.Body != want {
			t.Errorf("%s: body\n%s\nwant\n%s", name, got.Body, want)
		}
	}
}

// bodyOf returns the captured body in the service's formatting. The words about
// a filter's syntax are the JSONPath library's own.
func bodyOf(t *testing.T, e exchange, got registrytest.Response) string {
	t.Helper()
	const syntax = `{"detail":"Invalid JSONPath filter: `
	raw := jsontext.Value(e.Response.Body)
	if err := raw.Compact(); len(raw) > 0 && err != nil {
		t.Fatal(err)
	}
	body := string(raw)
	switch {
	case body == "null":
		return ""
	case strings.HasPrefix(body, `"`):
		return strings.Trim(body, `"`) // text/plain
	case strings.HasPrefix(body, syntax) && strings.HasPrefix(got.Body, syntax):
		return got.Body
	}
	return body
}
