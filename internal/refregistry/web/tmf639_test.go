package web_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/registrytest"
)

// document is the body of a TMF639 resource with characteristics, each as "name": value.
func document(id, category, status string, characteristics string, exposedBy string) string {
	doc := `{"@type":"LogicalResource","id":"` + id + `","category":"` + category + `","resourceStatus":"` + status + `"`
	list := []string{}
	for _, c := range strings.Fields(characteristics) {
		name, value, _ := strings.Cut(c, "=")
		list = append(list, `{"@type":"Characteristic","name":"`+name+`","value":`+value+`}`)
	}
	doc += `,"resourceCharacteristic":[` + strings.Join(list, ",") + `]`
	if exposedBy != "" {
		doc += `,"resourceRelationship":[{"@type":"ResourceRelationship","id":"r","relationshipType":"exposedBy","resource":{"@type":"ResourceRef","id":"` + exposedBy + `"}}]`
	}
	return doc + "}"
}

func TestPage_ResourcesOfTMF639(t *testing.T) {
	c, at := startAt(t, refregistry.Config{API: refregistry.TMF639})
	for _, body := range []string{
		document("self:catalog", "ODAComponent", "available", `namespace="shop" version=2 owners=[{"name":"a"}] description=""`, ""),
		document("self:inventory", "ODAComponent", "standby", `namespace="shop"`, ""),
		document("self:catalog-tmf620", "API", "available",
			`namespace="shop" apiType="openapi" url="http://example.org/tmf620" specification=[{"url":"https://specs.example.org/620"}] apiDocs="https://docs.example.org/620"`,
			"self:catalog"),
		document("self:catalog-metrics", "API", "standby", `apiType="prometheus" url=null specification="https://specs.example.org/metrics" apiDocs=null`, "self:catalog"),
		document("self:stray", "API", "standby", ``, ""),
		document("self:early", "API", "reserved", ``, "other:late"),
		document("self:network", "Network", "available", ``, ""),
	} {
		c.Expect(201, "POST", "/resource", body)
	}
	c.Expect(200, "POST", "/sync", `{"eventType":"ResourceCreated","id":"odd","resource":{"category":7,"resourceCharacteristic":"none"}}`)
	at.Advance(time.Minute)
	c.Expect(200, "PATCH", "/resource/self:catalog-metrics", document("", "API", "available", ``, ""))
	body := page(t, c, 200, "/")
	registrytest.Same(t, []string{"self/catalog 2", "self/inventory 0", "other/late 1", "self/without a component 1"}, entries(body))
	registrytest.Same(t, []string{"other", "self"}, options(body, "registry"))
	registrytest.Same(t, []string{"catalog-metrics", "catalog-tmf620", "early", "stray"}, matches(body, apiIn))
	registrytest.Same(t, []string{"ready available", "ready available", "pending reserved", "pending standby"},
		states(body))
	registrytest.Same(t, []string{"http://example.org/tmf620"}, matches(body, `<a class="url" href="(.*?)"`))
	registrytest.Same(t, []string{"https://specs.example.org/620"}, matches(body, `<a class="spec" href="([^"]*)"`))
	registrytest.Same(t, []string{"https://docs.example.org/620"}, matches(body, `<a href="([^"]*)"[^>]*>developer UI`))
	registrytest.Same(t, []string{"<span>namespace=</span>shop", "<span>version=</span>2", "<span>namespace=</span>shop"},
		matches(body, `<li><a href="\?q=[^"]*">(.*?)</a>`))
	registrytest.Same(t, []string{"self/catalog 2"}, entries(page(t, c, 200, "/?q=version%3D2")))
	// The other three APIs have none.
	for path, want := range map[string]int{"/": 3, "/?view=apis": 3, "/?component=catalog&registry=self": 1, "/?component=late&registry=other&api=early": 1} {
		if got := strings.Count(page(t, c, 200, path), "no address yet"); got != want {
			t.Errorf("%s has %d APIs without an address, want %d", path, got, want)
		}
	}
}

// states returns the class and the text of each API's state.
func states(body string) []string {
	var out []string
	for _, match := range regexp.MustCompile(`<span class="state (\w+)">(\w+)</span>`).FindAllStringSubmatch(body, -1) {
		out = append(out, match[1]+" "+match[2])
	}
	return out
}

// TestPage_ExamplesOfTMF639 posts what the empty page proposes.
func TestPage_ExamplesOfTMF639(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639})
	body := html.UnescapeString(page(t, c, 200, "/"))
	examples := matches(body, `\npost '(.*?)'`)
	registrytest.Same(t, 2, len(examples))
	for _, example := range examples {
		c.Expect(201, "POST", "/resource", example)
	}
	registrytest.Same(t, []string{"shop 1"}, entries(page(t, c, 200, "/")))
}

func TestPage_ExplainsTokens(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Auth: &auth.Config{User: "admin", Password: "s"}})
	if body := page(t, c, 401, "/"); !strings.Contains(body, "the id and the secret of a client") {
		t.Errorf("page %s", body)
	}
	req := c.Request("GET", "/", "")
	req.SetBasicAuth("admin", "s")
	got := c.Answer(req)
	if !strings.Contains(got.Body, "OAUTH2_TOKEN_URL="+c.URL+auth.TokenPath) || strings.Contains(got.Body, "curl") {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
}
