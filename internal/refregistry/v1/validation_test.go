package v1_test

import (
	"strings"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	v1 "odasync/internal/refregistry/v1"
)

// The answers are those of FastAPI 0.92 with pydantic 1.10, except for the
// messages of the JSON decoder.
func TestValidation_Problems(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) } // lengths count characters, not bytes
	api := func(rest string) string {
		return `{"registry_name":"self","component_name":"catalog","name":"a","url":"u"` + rest + `}`
	}
	const notInt = `"msg":"value is not a valid integer","type":"type_error.integer"}`
	const notNull = `"msg":"none is not an allowed value","type":"type_error.none.not_allowed"}`
	tests := []struct{ name, method, path, body, want string }{
		{"limit over the maximum", "GET", "/labels/?limit=1001", "",
			`{"loc":["query","limit"],"msg":"ensure this value is less than or equal to 1000","type":"value_error.number.not_le","ctx":{"limit_value":1000}}`},
		{"skip and limit too small", "GET", "/registries/?limit=0&skip=-1", "",
			`{"loc":["query","skip"],"msg":"ensure this value is greater than or equal to 0","type":"value_error.number.not_ge","ctx":{"limit_value":0}},` +
				`{"loc":["query","limit"],"msg":"ensure this value is greater than or equal to 1","type":"value_error.number.not_ge","ctx":{"limit_value":1}}`},
		{"skip and limit no integers", "GET", "/components/?limit=&skip=1.5", "",
			`{"loc":["query","skip"],` + notInt + `,{"loc":["query","limit"],` + notInt},
		{"last of several limits", "GET", "/exposed-apis/?limit=5&limit=x", "", `{"loc":["query","limit"],` + notInt},
		{"label id", "GET", "/labels/abc", "", `{"loc":["path","label_id"],` + notInt},
		{"registry id", "DELETE", "/registries/1.0", "", `{"loc":["path","registry_id"],` + notInt},
		{"component id and body", "PUT", "/components/x", `{"name":""}`,
			`{"loc":["path","component_id"],` + notInt + `,{"loc":["body","name"],"msg":"ensure this value has at least 1 characters",` +
				`"type":"value_error.any_str.min_length","ctx":{"limit_value":1}}`},
		{"API id", "PATCH", "/exposed-apis/x/status", `{"status":"ready"}`, `{"loc":["path","api_id"],` + notInt},

		{"no body", "POST", "/labels/", "", `{"loc":["body"],"msg":"field required","type":"value_error.missing"}`},
		{"null body", "PUT", "/labels/1", "null", `{"loc":["body"],"msg":"field required","type":"value_error.missing"}`},
		{"body no object", "POST", "/labels/", `["key"]`, `{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}`},
		{"required fields", "POST", "/exposed-apis/", `{"component_name":"catalog"}`,
			`{"loc":["body","registry_name"],"msg":"field required","type":"value_error.missing"},` +
				`{"loc":["body","name"],"msg":"field required","type":"value_error.missing"},` +
				`{"loc":["body","url"],"msg":"field required","type":"value_error.missing"}`},
		{"texts too long", "POST", "/labels/", `{"key":"` + long(101) + `","value":"` + long(201) + `"}`,
			`{"loc":["body","key"],"msg":"ensure this value has at most 100 characters","type":"value_error.any_str.max_length","ctx":{"limit_value":100}},` +
				`{"loc":["body","value"],"msg":"ensure this value has at most 200 characters","type":"value_error.any_str.max_length","ctx":{"limit_value":200}}`},
		{"URL too long", "PUT", "/exposed-apis/1", `{"url":"` + long(501) + `"}`,
			`{"loc":["body","url"],"msg":"ensure this value has at most 500 characters","type":"value_error.any_str.max_length","ctx":{"limit_value":500}}`},
		{"no texts", "POST", "/labels/", `{"key":[],"value":{}}`,
			`{"loc":["body","key"],"msg":"str type expected","type":"type_error.str"},{"loc":["body","value"],"msg":"str type expected","type":"type_error.str"}`},
		{"null for a required text", "POST", "/labels/", `{"key":null,"value":"v"}`, `{"loc":["body","key"],` + notNull},
		{"null for a mandatory column", "PUT", "/components/1", `{"name":null}`, `{"loc":["body","name"],` + notNull},
		{"unknown registry type", "POST", "/registries/", `{"name":"n","type":"side","url":"u"}`,
			`{"loc":["body","type"],"msg":"value is not a valid enumeration member; permitted: 'upstream', 'downstream', 'self'",` +
				`"type":"type_error.enum","ctx":{"enum_values":["upstream","downstream","self"]}}`},
		{"unknown status", "POST", "/exposed-apis/", api(`,"status":"READY"`),
			`{"loc":["body","status"],"msg":"value is not a valid enumeration member; permitted: 'pending', 'ready'",` +
				`"type":"type_error.enum","ctx":{"enum_values":["pending","ready"]}}`},
		{"null status and label ids", "POST", "/exposed-apis/", api(`,"status":null,"label_ids":null`),
			`{"loc":["body","status"],` + notNull + `,{"loc":["body","label_ids"],` + notNull},
		{"label ids no list", "POST", "/exposed-apis/", api(`,"label_ids":"1"`),
			`{"loc":["body","label_ids"],"msg":"value is not a valid list","type":"type_error.list"}`},
		{"label ids no integers", "POST", "/components/", `{"registry_name":"self","name":"n","label_ids":["a",1,null,[]]}`,
			`{"loc":["body","label_ids",0],` + notInt + `,{"loc":["body","label_ids",2],` + notNull + `,{"loc":["body","label_ids",3],` + notInt},
		{"JSON cut short", "POST", "/labels/", `{"key":`,
			`{"loc":["body",7],"msg":"unexpected end of JSON input: line 1 column 8 (char 7)","type":"value_error.jsondecode",` +
				`"ctx":{"colno":8,"doc":"{\"key\":","lineno":1,"msg":"unexpected end of JSON input","pos":7}}`},
		{"JSON with something after it", "PUT", "/labels/1", "{}\né x",
			`{"loc":["body",3],"msg":"invalid character 'Ã' after top-level value: line 2 column 1 (char 3)","type":"value_error.jsondecode",` +
				`"ctx":{"colno":1,"doc":"{}\né x","lineno":2,"msg":"invalid character 'Ã' after top-level value","pos":3}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, c := registrytest.Seeded(t, refregistry.Config{})
			before := s.Snapshot()
			got := c.Do(tt.method, tt.path, tt.body)
			registrytest.Same(t, 422, got.Status)
			registrytest.Same(t, `{"detail":[`+tt.want+`]}`, got.Body)
			registrytest.Same(t, before, s.Snapshot())
		})
	}
}

func TestValidation_AcceptedBodies(t *testing.T) {
	longest := func(n int) string { return strings.Repeat("é", n) }
	tests := []struct{ name, method, path, body, want string }{
		{"longest texts", "POST", "/labels/", `{"key":"` + longest(100) + `","value":"` + longest(200) + `"}`,
			`{"key":"` + longest(100) + `","value":"` + longest(200) + `","id":3,"created_at":"T"}`},
		{"numbers and booleans as texts", "POST", "/labels/", `{"key":5,"value":true}`, `{"key":"5","value":"True","id":3,"created_at":"T"}`},
		{"unknown properties", "POST", "/labels/", `{"key":"k","value":"v","id":77}`, `{"key":"k","value":"v","id":3,"created_at":"T"}`},
		{"last of a repeated property", "POST", "/labels/", `{"key":"k","value":"v","key":"l"}`, `{"key":"l","value":"v","id":3,"created_at":"T"}`},
		{"markup as it is", "POST", "/labels/", `{"key":"k","value":"<&>"}`, `{"key":"k","value":"<&>","id":3,"created_at":"T"}`},
		{"label ids of other types", "PUT", "/components/2", `{"label_ids":["2",true,2.9]}`,
			edit(inventory, `"labels":[]},"labels":[]`, `"labels":[]},"labels":[`+label2+`,`+label1+`,`+label2+`]`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := registrytest.Seeded(t, refregistry.Config{})
			got := c.Do(tt.method, tt.path, tt.body)
			if got.Status >= 300 {
				t.Errorf("status %d", got.Status)
			}
			registrytest.Same(t, tt.want, registrytest.Timeless(got.Body))
		})
	}
}

func TestUpdate_NullClearsSpecification(t *testing.T) {
	_, c := registrytest.Seeded(t, refregistry.Config{})
	got := registrytest.Must[v1.APIView](c, 200, "PUT", "/exposed-apis/1", `{"oas_specification":"http://example.org/spec"}`)
	if got.Specification == nil {
		t.Fatal("specification was not set")
	}
	got = registrytest.Must[v1.APIView](c, 200, "PUT", "/exposed-apis/1", `{"oas_specification":null}`)
	if got.Specification != nil {
		t.Errorf("specification is %q, want null", *got.Specification)
	}
}

func TestValidation_ContentType(t *testing.T) {
	tests := []struct {
		contentType string
		status      int
		answer      string
	}{
		{"application/json; charset=utf-8", 201, `"id":1`},
		{"application/problem+json", 201, `"id":1`},
		{"", 201, `"id":1`},
		{"text/plain", 422, "value is not a valid dict"},
		{"application/x-www-form-urlencoded", 422, "value is not a valid dict"},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			_, c := registrytest.Start(t, refregistry.Config{})
			req := c.Request("POST", "/labels/", `{"key":"k","value":"v"}`)
			req.Header.Set("Content-Type", tt.contentType)
			if tt.contentType == "" {
				req.Header.Del("Content-Type")
			}
			got := c.Answer(req)
			if got.Status != tt.status || !strings.Contains(got.Body, tt.answer) {
				t.Errorf("answer %d %s, want %d with %q", got.Status, got.Body, tt.status, tt.answer)
			}
		})
	}
}

func TestValidation_BodyIsNotUTF8(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	got := c.Do("POST", "/labels/", "{\"key\":\"\xff\",\"value\":\"v\"}")
	registrytest.Same(t, 400, got.Status)
}
