package tmf639_test

import (
	"net/http"
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/refregistry/tmf639"
)

func TestService_Answers(t *testing.T) {
	const (
		unknown  = `{"detail":"Resource with id x not found"}`
		notDict  = `{"detail":[{"type":"dict_type","loc":["body"],"msg":"Input should be a valid dictionary","input":`
		missing  = `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`
		badInt   = `"msg":"Input should be a valid integer, unable to parse string as an integer","input":`
		internal = "Internal Server Error"
	)
	badJSON := func(at, msg string) string {
		return `{"detail":[{"type":"json_invalid","loc":["body",` + at + `],"msg":"JSON decode error","input":{},"ctx":{"error":"` + msg + `"}}]}`
	}
	tests := []struct {
		name, method, path, body string
		status                   int
		answer                   string
	}{
		{"get", "GET", "/resource/self:shop", "", 200, shop},
		{"get by an escaped id", "GET", "/resource/self%3Ashop", "", 200, shop},
		{"get an API", "GET", "/resource/self:shop-orders", "", 200, orders + linkToShop + "}"},
		{"get the short form", "GET", "/resource/self:shop?fields=resourceVersion", "", 200,
			`{"id":"self:shop","resourceVersion":"1","href":"http://registry/resource/self:shop","@type":"LogicalResource","@baseType":"Resource"}`},
		{"get with other fields", "GET", "/resource/self:shop?fields=name", "", 200, shop},
		{"get an unknown one", "GET", "/resource/x", "", 404, unknown},
		{"create twice", "POST", "/resource", `{"@type":"R","id":"self:shop"}`, 409, `{"detail":"Resource with id self:shop already exists"}`},
		{"create without type", "POST", "/resource", `{"id":"a"}`, 400,
			`{"detail":{"error":"Schema validation failed","message":"Resource creation data does not comply with TMF639 v5.0.0 specification",` +
				`"violations":["Missing required field: @type"]}}`},
		{"create any content", "POST", "/resource", `{"b":[1,1.50,1e2,1e-7,123456789012345678901234567890,{"ü":"<&>\u00e9\/\n"}],"@type":"R","href":"gone","id":"a","b":[null,true]}`,
			201, `{"b":[null,true],"@type":"R","id":"a","href":"http://registry/resource/a"}`},
		{"create any numbers and texts", "POST", "/resource", `{"@type":"R","id":"a","b":[1,1.50,1e2,1e-7,12e20,123456789012345678901234567890,{"ü":"<&>\u00e9\/\n\u0001"}]}`,
			201, `{"@type":"R","b":[1,1.5,100.0,1e-07,1.2e+21,123456789012345678901234567890,{"ü":"<&>é/\n\u0001"}],"id":"a","href":"http://registry/resource/a"}`},
		{"create from an array", "POST", "/resource", `[]`, 422, notDict + `[]}]}`},
		{"create from a text", "POST", "/resource", `"é"`, 422, notDict + `"é"}]}`},
		{"create from nothing", "POST", "/resource", ``, 422, missing},
		{"create from null", "POST", "/resource", ` null `, 422, missing},
		{"create from no JSON", "POST", "/resource", `{`, 422, badJSON("1", "Expecting property name enclosed in double quotes")},
		{"create after a comma", "POST", "/resource", `{"ü":1,}`, 422, badJSON("7", "Expecting property name enclosed in double quotes")},
		{"create without a colon", "POST", "/resource", `{"a" 1}`, 422, badJSON("5", "Expecting ':' delimiter")},
		{"create without a comma", "POST", "/resource", `{"a":1 "b":2}`, 422, badJSON("7", "Expecting ',' delimiter")},
		{"create without a value", "POST", "/resource", `{"a":`, 422, badJSON("5", "Expecting value")},
		{"create from two values", "POST", "/resource", `{} {}`, 422, badJSON("3", "Extra data")},
		{"create from other bytes", "POST", "/resource", "\"\xff\"", 400, `{"detail":"There was an error parsing the body"}`},
		{"replace", "PATCH", "/resource/self:shop", `{"id":"y","href":"z","resourceVersion":7}`, 200,
			`{"resourceVersion":7,"id":"self:shop","href":"http://registry/resource/self:shop"}`},
		{"empty", "PATCH", "/resource/self:shop", `{}`, 200, `{"id":"self:shop","href":"http://registry/resource/self:shop"}`},
		{"replace what is linked", "PATCH", "/resource/self:shop-orders", `{"resourceRelationship":[],"a":1}`, 200,
			`{"resourceRelationship":` + linkToShop + `,"a":1,"id":"self:shop-orders","href":"http://registry/resource/self:shop-orders"}`},
		{"replace without schema", "PATCH", "/resource/self:shop", `{"name":null,"resourceRelationship":[{"a":1}]}`, 200,
			`{"name":null,"resourceRelationship":[{"a":1}],"id":"self:shop","href":"http://registry/resource/self:shop"}`},
		{"replace an unknown one", "PATCH", "/resource/x", `{}`, 404, unknown},
		{"replace from an array", "PATCH", "/resource/x", `[]`, 422, notDict + `[]}]}`},
		{"delete", "DELETE", "/resource/self:shop", "", 204, ""},
		{"delete an unknown one", "DELETE", "/resource/x", "", 404, unknown},
		{"list", "GET", "/resource", "", 200, "[" + shop + "," + orders + linkToShop + "}]"},
		{"list nothing", "GET", "/resource?offset=9", "", 200, "[]"},
		{"list without integers", "GET", "/resource?offset=&limit=abc", "", 422,
			`{"detail":[{"type":"int_parsing","loc":["query","offset"],` + badInt + `""},{"type":"int_parsing","loc":["query","limit"],` + badInt + `"abc"}]}`},
		{"list beyond the database", "GET", "/resource?limit=9223372036854775808", "", 500, internal},
		{"unknown path", "GET", "/nope", "", 404, `{"detail":"Not Found"}`},
		{"id with a slash", "GET", "/resource/a%2Fb", "", 404, `{"detail":"Not Found"}`},
		{"method", "PUT", "/resource/x", "{}", 405, `{"detail":"Method Not Allowed"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := start(t)
			seed(c)
			want(c, tt.method, tt.path, tt.body, tt.status, tt.answer)
		})
	}
}

func TestService_ContentType(t *testing.T) {
	tests := []struct {
		contentType string
		status      int
	}{{"", 201}, {"application/json; charset=utf-8", 201}, {"application/vnd.tmf+json", 201}, {"text/plain", 422}, {"nonsense;", 422}}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			_, c := start(t)
			req := c.Request("POST", "/resource", `{"@type":"R"}`)
			req.Header.Set("Content-Type", tt.contentType)
			registrytest.Same(t, tt.status, c.Answer(req).Status)
		})
	}
}

func TestService_MakesAnID(t *testing.T) {
	s, c := start(t)
	for _, id := range []string{``, `"id":"",`} {
		c.Expect(201, "POST", "/resource", `{`+id+`"@type":"R"}`)
	}
	for _, r := range s.Resources() {
		if len(r.ID) != 36 || strings.Count(r.ID, "-") != 4 {
			t.Errorf("id %q is no UUID", r.ID)
		}
	}
}

// TestService_KeepsAnyID stores ids that need escaping.
func TestService_KeepsAnyID(t *testing.T) {
	for name, path := range map[string]string{
		"a b": "a%20b", "a?b": "a%3Fb", "a#b": "a%23b", "a%2Fb": "a%252Fb", ".": "%2E", "..": "..", "a//": "", "ü:x": "%C3%BC:x", "A": "A",
	} {
		t.Run(name, func(t *testing.T) {
			_, c := start(t)
			c.Expect(201, "POST", "/resource", `{"@type":"R","id":"`+name+`"}`)
			if path == "" {
				c.Expect(404, "GET", "/resource/"+name, "")
				return
			}
			want(c, "GET", "/resource/"+path, "", 200, `{"@type":"R","id":"`+name+`","href":"http://registry/resource/`+name+`"}`)
		})
	}
}

// TestService_Links follows links through the deletion of their Component.
func TestService_Links(t *testing.T) {
	s, c := start(t)
	seed(c)
	links := func() []tmf639.Link { return s.Resources()[0].Links }
	c.Expect(204, "DELETE", "/resource/self:shop", "")
	want(c, "GET", "/resource/self:shop-orders", "", 200, orders+linkToNothing+"}")
	registrytest.Same(t, []tmf639.Link{{Type: "exposedBy"}}, links())

	c.Expect(201, "POST", "/resource", `{"@type":"R","id":"self:shop"}`)
	c.Expect(200, "PATCH", "/resource/self:shop-orders", `{"resourceRelationship":`+reference("self:shop")+`}`)
	registrytest.Same(t, []tmf639.Link{{Type: "exposedBy"}}, links())

	c.Expect(204, "DELETE", "/resource/self:shop-orders", "")
	c.Expect(201, "POST", "/resource", `{"@type":"R","id":"self:shop-orders","resourceRelationship":`+reference("self:shop")+`}`)
	registrytest.Same(t, []tmf639.Link{{Type: "exposedBy", Target: "self:shop"}}, s.Resources()[1].Links)
}

// TestService_Stub posts an API before its Component.
func TestService_Stub(t *testing.T) {
	s, c := start(t)
	c.Expect(201, "POST", "/resource", `{"@type":"R","id":"self:a","resourceRelationship":`+
		strings.Replace(reference("self:c"), `"@type":"ResourceRef"`, `"@type":"ResourceRef","name":"n"`, 1)+`}`)
	want(c, "GET", "/resource/self:c", "", 200, `{"@type":"ResourceRef","name":"n","id":"self:c","href":"http://registry/resource/self:c"}`)
	want(c, "GET", "/resource?fields=resourceVersion&offset=1", "", 200, `[{"id":"self:c","resourceVersion":null,"href":"http://registry/resource/self:c",`+
		`"@type":"LogicalResource","@baseType":"Resource"}]`)
	c.Expect(409, "POST", "/resource", `{"@type":"LogicalResource","id":"self:c"}`)
	c.Expect(200, "PATCH", "/resource/self:c", `{"@type":"LogicalResource"}`)
	want(c, "GET", "/resource/self:a", "", 200, `{"@type":"R","id":"self:a","href":"http://registry/resource/self:a","resourceRelationship":`+
		strings.ReplaceAll(linkToShop, "self:shop", "self:c")+`}`)
	registrytest.Same(t, 2, len(s.Resources()))
}

// TestService_BrokenDocument stores what cannot be written back.
func TestService_BrokenDocument(t *testing.T) {
	_, c := start(t)
	seed(c)
	const broken = `{"@type":"R","id":"b","n":1e400}`
	want(c, "POST", "/resource", broken, 500, "Internal Server Error")
	c.Expect(409, "POST", "/resource", broken)
	registrytest.Same(t, 500, c.Do("GET", "/resource", "").Status)
	registrytest.Same(t, 500, c.Do("GET", "/resource/b", "").Status)
	c.Expect(200, "GET", "/resource?limit=2", "")
	c.Expect(200, "GET", "/resource?fields=resourceVersion", "")
	c.Expect(204, "DELETE", "/resource/b", "")
	c.Expect(200, "GET", "/resource", "")
}

func TestService_Redirects(t *testing.T) {
	tests := []struct{ method, path, location, operation string }{
		{"GET", "/resource/", "/resource", "GET /resource/"},
		{"POST", "/resource/?limit=1&fields=a%26b", "/resource?limit=1&fields=a%26b", "POST /resource/"},
		{"PATCH", "/resource/a%20b/", "/resource/a%20b", "PATCH /resource/{id}/"},
		{"GET", "/health/", "/health", "GET /health/"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			s, c := start(t)
			got := c.Do(tt.method, tt.path, "")
			registrytest.Same(t, http.StatusTemporaryRedirect, got.Status)
			registrytest.Same(t, c.URL+tt.location, got.Header.Get("Location"))
			registrytest.Same(t, map[string]int{tt.operation: 1}, s.Requests())
		})
	}
}

func TestService_MethodNotAllowed(t *testing.T) {
	_, c := start(t)
	for path, methods := range map[string][]string{
		"/resource":   {"PUT", "HEAD", "OPTIONS", "PATCH", "DELETE"},
		"/resource/x": {"PUT", "HEAD", "OPTIONS", "POST"},
		"/health":     {"POST", "HEAD"},
		"/":           {"POST", "HEAD"},
	} {
		for _, method := range methods {
			got := c.Do(method, path, "")
			registrytest.Same(t, 405, got.Status)
			registrytest.Same(t, "GET", got.Header.Get("Allow"))
		}
	}
}

func TestService_Health(t *testing.T) {
	for given, name := range map[string]string{"": "self", "canvas-compreg": "canvas-compreg"} {
		_, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Name: given})
		got := registrytest.Must[map[string]any](c, 200, "GET", "/health", "")
		delete(got, "worker_pid")
		registrytest.Same(t, map[string]any{"status": "healthy", "version": "5.0.0", "Name": name}, got)
	}
}
