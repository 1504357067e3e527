package v1_test

import (
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// The answers for what registrytest.Client.Seed creates.
const (
	label1    = `{"key":"team","value":"blue","id":1,"created_at":"T"}`
	label2    = `{"key":"domain","value":"product","id":2,"created_at":"T"}`
	self      = `{"name":"self","type":"self","url":"http://self.example.org","id":1,"created_at":"T","labels":[]}`
	up        = `{"name":"up","type":"self","url":"http://up.example.org","id":2,"created_at":"T","labels":[]}`
	catalog   = `{"registry_name":"self","name":"catalog","id":1,"created_at":"T","registry":` + self + `,"labels":[` + label1 + `,` + label2 + `]}`
	inventory = `{"registry_name":"self","name":"inventory","id":2,"created_at":"T","registry":` + self + `,"labels":[]}`
	tmf620    = `{"registry_name":"self","component_name":"catalog","name":"tmf620","url":"http://example.org/tmf620","oas_specification":null,` +
		`"status":"pending","id":1,"created_at":"T","registry":` + self + `,"component":null,"labels":[` + label1 + `]}`
	metrics = `{"registry_name":"self","component_name":"catalog","name":"metrics","url":"http://example.org/metrics","oas_specification":null,` +
		`"status":"pending","id":2,"created_at":"T","registry":` + self + `,"component":null,"labels":[]}`
	tmf637 = `{"registry_name":"self","component_name":"inventory","name":"tmf637","url":"http://example.org/tmf637","oas_specification":null,` +
		`"status":"pending","id":3,"created_at":"T","registry":` + self + `,"component":null,"labels":[]}`
)

func edit(s string, oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(s) }

func TestService_Operations(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"health", "GET", "/health", "", 200, `{"status":"healthy","service":"odasync reference registry"}`},
		{"stats", "GET", "/stats", "", 200, `{"oda_canvas":{"total_labels":2,"total_registries":2,"total_components":2,"total_exposed_apis":3},` +
			`"service_info":{"name":"odasync reference registry","version":"1.0.0","description":"Component Registry with the v1 contract"}}`},

		{"list labels", "GET", "/labels/", "", 200, "[" + label1 + "," + label2 + "]"},
		{"page labels", "GET", "/labels/?skip=1&limit=1", "", 200, "[" + label2 + "]"},
		{"page beyond the end", "GET", "/labels/?skip=2", "", 200, "[]"},
		{"get label", "GET", "/labels/2", "", 200, label2},
		{"get unknown label", "GET", "/labels/9", "", 404, `{"detail":"Label not found"}`},
		{"get label beyond 64 bits", "GET", "/labels/99999999999999999999", "", 404, `{"detail":"Label not found"}`},
		{"get label of a negative id", "GET", "/labels/-1", "", 404, `{"detail":"Label not found"}`},
		{"create label", "POST", "/labels/", `{"key":"team","value":"red"}`, 201, `{"key":"team","value":"red","id":3,"created_at":"T"}`},
		{"create label of an existing pair", "POST", "/labels/", `{"key":"team","value":"blue"}`, 400, `{"detail":"Label team=blue already exists"}`},
		{"update label in part", "PUT", "/labels/1", `{"value":"red"}`, 200, edit(label1, "blue", "red")},
		{"update label with nothing", "PUT", "/labels/1", `{}`, 200, label1},
		{"update unknown label", "PUT", "/labels/9", `{"value":"red"}`, 404, `{"detail":"Label not found"}`},
		{"delete label", "DELETE", "/labels/1", "", 204, ""},
		{"delete unknown label", "DELETE", "/labels/9", "", 404, `{"detail":"Label not found"}`},

		{"list registries", "GET", "/registries/", "", 200, "[" + self + "," + up + "]"},
		{"page registries", "GET", "/registries/?limit=1", "", 200, "[" + self + "]"},
		{"get registry", "GET", "/registries/2", "", 200, up},
		{"get unknown registry", "GET", "/registries/9", "", 404, `{"detail":"Registry not found"}`},
		{"create registry", "POST", "/registries/", `{"name":"down","type":"downstream","url":"u"}`, 201,
			`{"name":"down","type":"downstream","url":"u","id":3,"created_at":"T","labels":[]}`},
		{"create registry of an existing name", "POST", "/registries/", `{"name":"self","type":"upstream","url":"u"}`, 400,
			`{"detail":"Registry self already exists"}`},
		{"create registry with an unknown label", "POST", "/registries/", `{"name":"down","type":"downstream","url":"u","label_ids":[1,9]}`, 400,
			`{"detail":"Label 9 not found"}`},
		{"update registry in part", "PUT", "/registries/2", `{"type":"upstream","label_ids":[2]}`, 200,
			edit(up, `"type":"self"`, `"type":"upstream"`, `"labels":[]`, `"labels":[`+label2+`]`)},
		{"update registry to an existing name", "PUT", "/registries/2", `{"name":"self"}`, 400, `{"detail":"Registry self already exists"}`},
		{"update registry with its own name", "PUT", "/registries/2", `{"name":"up"}`, 200, up},
		{"update unknown registry", "PUT", "/registries/9", `{"url":"u"}`, 404, `{"detail":"Registry not found"}`},
		{"update registry with an unknown label", "PUT", "/registries/2", `{"label_ids":[9]}`, 400, `{"detail":"Label 9 not found"}`},
		{"delete registry", "DELETE", "/registries/2", "", 204, ""},
		{"delete unknown registry", "DELETE", "/registries/9", "", 404, `{"detail":"Registry not found"}`},

		{"list components", "GET", "/components/", "", 200, "[" + catalog + "," + inventory + "]"},
		{"list components of a registry", "GET", "/components/?registry_name=self&skip=1", "", 200, "[" + inventory + "]"},
		{"list components of an empty registry", "GET", "/components/?registry_name=up", "", 200, "[]"},
		{"list components with an empty filter", "GET", "/components/?registry_name=&limit=1", "", 200, "[" + catalog + "]"},
		{"get component", "GET", "/components/1", "", 200, catalog},
		{"get unknown component", "GET", "/components/9", "", 404, `{"detail":"Component not found"}`},
		{"create component", "POST", "/components/", `{"registry_name":"self","name":"new"}`, 201, edit(inventory, "inventory", "new", `"id":2`, `"id":3`)},
		{"create component in an unknown registry", "POST", "/components/", `{"registry_name":"none","name":"new"}`, 404, `{"detail":"Registry not found"}`},
		{"create component of an existing name", "POST", "/components/", `{"registry_name":"self","name":"catalog"}`, 400,
			`{"detail":"Component catalog already exists in registry self"}`},
		{"create component with an unknown label", "POST", "/components/", `{"registry_name":"self","name":"new","label_ids":[9]}`, 400,
			`{"detail":"Label 9 not found"}`},
		{"replace component labels", "PUT", "/components/1", `{"label_ids":[2]}`, 200, edit(catalog, label1+",", "")},
		{"clear component labels", "PUT", "/components/1", `{"label_ids":[]}`, 200, edit(catalog, label1+","+label2, "")},
		{"null leaves component labels", "PUT", "/components/1", `{"label_ids":null}`, 200, catalog},
		{"rename component", "PUT", "/components/2", `{"name":"stock"}`, 200, edit(inventory, "inventory", "stock")},
		{"update unknown component", "PUT", "/components/9", `{"name":"stock"}`, 404, `{"detail":"Component not found"}`},
		{"update component with an unknown label", "PUT", "/components/9", `{"label_ids":[9]}`, 400, `{"detail":"Label 9 not found"}`},
		{"delete component", "DELETE", "/components/1", "", 204, ""},
		{"delete unknown component", "DELETE", "/components/9", "", 404, `{"detail":"Component not found"}`},

		{"list APIs", "GET", "/exposed-apis/", "", 200, "[" + tmf620 + "," + metrics + "," + tmf637 + "]"},
		{"list APIs of a component", "GET", "/exposed-apis/?registry_name=self&component_name=catalog", "", 200, "[" + tmf620 + "," + metrics + "]"},
		{"page APIs of a component", "GET", "/exposed-apis/?registry_name=self&component_name=catalog&skip=1&limit=1", "", 200, "[" + metrics + "]"},
		{"list APIs of an unknown component", "GET", "/exposed-apis/?registry_name=self&component_name=none", "", 200, "[]"},
		{"list APIs of a status", "GET", "/exposed-apis/?status=ready", "", 200, "[]"},
		{"list APIs of another status", "GET", "/exposed-apis/?status=pending&skip=2", "", 200, "[" + tmf637 + "]"},
		{"get API", "GET", "/exposed-apis/1", "", 200, tmf620},
		{"get unknown API", "GET", "/exposed-apis/9", "", 404, `{"detail":"Exposed API not found"}`},
		{"create API", "POST", "/exposed-apis/",
			`{"registry_name":"self","component_name":"inventory","name":"m","url":"u","oas_specification":"s","status":"ready"}`, 201,
			`{"registry_name":"self","component_name":"inventory","name":"m","url":"u","oas_specification":"s","status":"ready","id":4,` +
				`"created_at":"T","registry":` + self + `,"component":null,"labels":[]}`},
		{"create API in an unknown registry", "POST", "/exposed-apis/", `{"registry_name":"none","component_name":"catalog","name":"m","url":"u"}`, 404,
			`{"detail":"Registry not found"}`},
		{"create API of an unknown component", "POST", "/exposed-apis/", `{"registry_name":"up","component_name":"catalog","name":"m","url":"u"}`, 404,
			`{"detail":"Component not found"}`},
		{"create API with an unknown label", "POST", "/exposed-apis/",
			`{"registry_name":"self","component_name":"catalog","name":"m","url":"u","label_ids":[9]}`, 400, `{"detail":"Label 9 not found"}`},
		{"update API in part", "PUT", "/exposed-apis/1", `{"url":"u","status":"ready","oas_specification":"s","label_ids":[]}`, 200,
			edit(tmf620, "http://example.org/tmf620", "u", "pending", "ready", `"oas_specification":null`, `"oas_specification":"s"`, label1, "")},
		{"update unknown API", "PUT", "/exposed-apis/9", `{"url":"u"}`, 404, `{"detail":"Exposed API not found"}`},
		{"update API with an unknown label", "PUT", "/exposed-apis/1", `{"label_ids":[9]}`, 400, `{"detail":"Label 9 not found"}`},
		{"set API status", "PATCH", "/exposed-apis/1/status", `{"status":"ready"}`, 200, edit(tmf620, "pending", "ready")},
		{"set API status and no more", "PATCH", "/exposed-apis/1/status", `{"status":"ready","url":"u","label_ids":[9]}`, 200, edit(tmf620, "pending", "ready")},
		{"set no API status", "PATCH", "/exposed-apis/1/status", `{"status":null}`, 400, `{"detail":"A status is required"}`},
		{"set status of unknown API", "PATCH", "/exposed-apis/9/status", `{"status":"ready"}`, 404, `{"detail":"Exposed API not found"}`},
		{"delete API", "DELETE", "/exposed-apis/1", "", 204, ""},
		{"delete unknown API", "DELETE", "/exposed-apis/9", "", 404, `{"detail":"Exposed API not found"}`},

		{"unknown path", "GET", "/nothing", "", 404, `{"detail":"Not Found"}`},
		{"doubled slash", "GET", "//labels/", "", 404, `{"detail":"Not Found"}`},
		{"other method on a list", "PATCH", "/labels/", `{}`, 405, `{"detail":"Method Not Allowed"}`},
		{"other method on an item", "POST", "/labels/1", `{}`, 405, `{"detail":"Method Not Allowed"}`},
		{"head", "HEAD", "/labels/", "", 405, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := registrytest.Seeded(t, refregistry.Config{})
			got := c.Do(tt.method, tt.path, tt.body)
			registrytest.Same(t, tt.status, got.Status)
			registrytest.Same(t, tt.want, registrytest.Timeless(got.Body))
		})
	}
}

func TestService_AnswersWithTheStoredItem(t *testing.T) {
	for _, path := range []string{"/labels/1", "/registries/2", "/components/1", "/exposed-apis/1"} {
		t.Run(path, func(t *testing.T) {
			_, c := registrytest.Seeded(t, refregistry.Config{})
			before := registrytest.Must[map[string]any](c, 200, "GET", path, "")
			registrytest.Same(t, before, registrytest.Must[map[string]any](c, 200, "PUT", path, `{}`))
			c.Expect(204, "DELETE", path, "")
			c.Expect(404, "GET", path, "")
			c.Expect(404, "DELETE", path, "")
		})
	}
}
