package tmf639_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

// fill creates r0 to r9, of which the even ones are Components and the others APIs.
func fill(c *registrytest.Client) {
	c.Helper()
	for i := range 10 {
		c.Expect(201, "POST", "/resource", fmt.Sprintf(
			`{"id":"self:r%d","@type":"R","category":%q,"resourceVersion":"%d","resourceCharacteristic":[`+
				`{"@type":"C","name":"specification","value":[{"url":"http://example.org/%d"}]}]}`,
			i, map[int]string{0: "ODAComponent", 1: "API"}[i%2], i, i))
	}
}

// listed returns the names of what a listing returns, and its counts.
func listed(c *registrytest.Client, query url.Values) (names []string, result, total string) {
	c.Helper()
	res := c.Do("GET", "/resource?"+query.Encode(), "")
	if res.Status != 200 {
		c.Fatalf("%v: status %d: %s", query, res.Status, res.Body)
	}
	var items []any
	testcheck.NoError(c, json.Unmarshal([]byte(res.Body), &items))
	names = []string{}
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			item = o["id"]
		}
		names = append(names, fmt.Sprint(item))
	}
	return names, res.Header.Get("x-result-count"), res.Header.Get("x-total-count")
}

func ids(numbers ...int) []string {
	out := []string{}
	for _, n := range numbers {
		out = append(out, fmt.Sprintf("self:r%d", n))
	}
	return out
}

const (
	components = `$[?(@.category=='ODAComponent')]`
	specified  = `$[?(@.resourceCharacteristic[?(@.name=='specification' && @.value[?(@.url=='http://example.org/3')])])]`
)

func TestService_Lists(t *testing.T) {
	tests := []struct {
		name  string
		query url.Values
		want  []string
	}{
		{"all", nil, ids(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"a page", url.Values{"offset": {"2"}, "limit": {"3"}}, ids(2, 3, 4)},
		{"no limit", url.Values{"limit": {"-1"}, "offset": {"8"}}, ids(8, 9)},
		{"nothing", url.Values{"limit": {"0"}}, ids()},
		{"before the start", url.Values{"limit": {"1"}, "offset": {"-5"}}, ids(0)},
		{"after the end", url.Values{"offset": {"10"}}, ids()},
		{"the last of a repeated parameter", url.Values{"limit": {"x", " 1 "}}, ids(0)},
		{"ignored parameters", url.Values{"category": {"API"}, "id": {"self:r1"}, "sort": {"-id"}, "limit": {"2"}}, ids(0, 1)},
		{"filter", url.Values{"filter": {components}}, ids(0, 2, 4, 6, 8)},
		{"filter of the page", url.Values{"filter": {components}, "offset": {"1"}, "limit": {"2"}}, ids(2)},
		{"filter of the short form", url.Values{"filter": {components}, "fields": {"resourceVersion"}}, ids()},
		{"short form", url.Values{"filter": {"$[?(@.resourceVersion>'8')]"}, "fields": {"resourceVersion"}}, ids(9)},
		{"nested filter", url.Values{"filter": {specified}}, ids(3)},
		{"filter without $", url.Values{"filter": {"[?(@.category=='API')]"}, "limit": {"2"}}, ids(1)},
		{"filter with an expression", url.Values{"filter": {"$[?(@.id =~ /self:r[3-5]/)]"}}, ids(3, 4, 5)},
		{"filter with a partial expression", url.Values{"filter": {"$[?(@.id =~ /r[3-5]/)]"}}, ids()},
		{"filter with an expression of any case", url.Values{"filter": {`$[?(@['id'] =~ /SELF:R1|x\/'/i && @.category)]`}}, ids(1)},
		{"filter with a function", url.Values{"filter": {"$[?match(@.id, '.*r[12]')]"}}, ids(1, 2)},
		{"filter for values", url.Values{"filter": {"$..id"}, "limit": {"2"}}, ids(0, 1)},
		{"filter for a value without $", url.Values{"filter": {"..category"}, "limit": {"2"}}, []string{"ODAComponent", "API"}},
	}
	_, c := start(t)
	fill(c)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			names, result, total := listed(c, tt.query)
			registrytest.Same(t, tt.want, names)
			registrytest.Same(t, []string{fmt.Sprint(len(tt.want)), "10"}, []string{result, total})
		})
	}
}

func TestService_FilterOfTheRoot(t *testing.T) {
	_, c := start(t)
	seed(c)
	want(c, "GET", "/resource?filter=$&limit=1", "", 200, "[["+shop+"]]")
	want(c, "GET", "/resource?filter=$[0]&limit=1", "", 200, "["+shop+"]")
}

func TestService_RefusesAFilter(t *testing.T) {
	_, c := start(t)
	for _, query := range []string{"$[", "$[?(@.a =~ 5)]", "$[?(", "no path"} {
		got := c.Do("GET", "/resource?filter="+url.QueryEscape(query), "")
		if got.Status != 400 || len(got.Body) < 40 || got.Body[:35] != `{"detail":"Invalid JSONPath filter:` {
			t.Errorf("filter %q: %d %s", query, got.Status, got.Body)
		}
	}
}

func TestService_OrderIsThatOfCreation(t *testing.T) {
	_, c := start(t)
	fill(c)
	c.Expect(200, "PATCH", "/resource/self:r0", `{}`)
	c.Expect(204, "DELETE", "/resource/self:r4", "")
	c.Expect(201, "POST", "/resource", `{"id":"self:r4","@type":"R"}`)
	names, _, _ := listed(c, nil)
	registrytest.Same(t, ids(0, 1, 2, 3, 5, 6, 7, 8, 9, 4), names)
}

func TestService_Friendly(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Friendly: true})
	fill(c)
	names, result, total := listed(c, url.Values{"filter": {components}, "offset": {"1"}, "limit": {"2"}})
	registrytest.Same(t, ids(2, 4), names)
	registrytest.Same(t, []string{"2", "10"}, []string{result, total})
	c.Expect(200, "GET", "/resource/r1", "")
	c.Expect(200, "PATCH", "/resource/r1", `{}`)
	c.Expect(204, "DELETE", "/resource/r1", "")
	c.Expect(404, "GET", "/resource/r1", "")
	c.Expect(201, "POST", "/resource", `{"id":"self:a","@type":"R","resourceRelationship":`+reference("r2")+`}`)
	resources := s.Resources()
	registrytest.Same(t, "self:r2", resources[len(resources)-1].Links[0].Target)
}
