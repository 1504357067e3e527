package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
)

// noon is when all tests take place.
var noon = time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)

// registry is a served registry whose clock the test sets.
type registry struct {
	t      *testing.T
	server *refregistry.Server
	url    string
	key    string
	now    time.Time
	labels map[string]int64
}

func newRegistry(t *testing.T, key string) *registry {
	t.Helper()
	r := &registry{t: t, key: key, now: noon, labels: map[string]int64{}}
	r.server = refregistry.New(refregistry.Config{APIKey: key, Now: func() time.Time { return r.now }})
	web := httptest.NewServer(r.server.Handler())
	t.Cleanup(web.Close)
	r.url = web.URL
	return r
}

// post creates something, without a network between.
func (r *registry) post(path string, body map[string]any) int64 {
	r.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	req := httptest.NewRequest("POST", path, strings.NewReader(string(raw)))
	req.Header.Set("Authorization", "Bearer "+r.key)
	rec := httptest.NewRecorder()
	r.server.Handler().ServeHTTP(rec, req)
	if rec.Code != http.StatusCreated {
		r.t.Fatalf("POST %s %s: %d %s", path, raw, rec.Code, rec.Body)
	}
	var created struct{ ID int64 }
	if err := json.Unmarshal(rec.Body.Bytes(), &created); err != nil {
		r.t.Fatal(err)
	}
	return created.ID
}

func (r *registry) registry(name string) {
	r.t.Helper()
	r.post("/registries/", map[string]any{"name": name, "type": "self", "url": "http://registry.example.org"})
}

// label returns the id of a label written key=value.
func (r *registry) label(pair string) int64 {
	r.t.Helper()
	if r.labels[pair] == 0 {
		key, value, _ := strings.Cut(pair, "=")
		r.labels[pair] = r.post("/labels/", map[string]any{"key": key, "value": value})
	}
	return r.labels[pair]
}

func (r *registry) ids(pairs []string) []int64 {
	r.t.Helper()
	ids := []int64{}
	for _, pair := range pairs {
		ids = append(ids, r.label(pair))
	}
	return ids
}

func (r *registry) component(name string, labels ...string) {
	r.t.Helper()
	r.post("/components/", map[string]any{"registry_name": "self", "name": name, "label_ids": r.ids(labels)})
}

type api struct {
	name, url, specification, status string
	labels                           []string
}

func (r *registry) api(of string, a api) {
	r.t.Helper()
	r.post("/exposed-apis/", map[string]any{
		"registry_name": "self", "component_name": of, "name": a.name, "url": a.url,
		"oas_specification": a.specification, "status": a.status, "label_ids": r.ids(a.labels),
	})
}

var blocks = []struct{ id, name, block, tmf string }{
	{"TMFC001", "productcatalogmanagement", "CoreCommerce", "tmf620"},
	{"TMFC002", "productordercaptureandvalidation", "CoreCommerce", "tmf622"},
	{"TMFC005", "productinventory", "CoreCommerce", "tmf637"},
	{"TMFC006", "servicecatalogmanagement", "Production", "tmf633"},
	{"TMFC008", "serviceinventory", "Production", "tmf638"},
	{"TMFC012", "resourceinventory", "Production", "tmf639"},
	{"TMFC020", "digitalidentitymanagement", "PartyManagement", "tmf720"},
	{"TMFC024", "billinginquiry", "CoreCommerce", "tmf678"},
	{"TMFC028", "partymanagement", "PartyManagement", "tmf632"},
	{"TMFC043", "faultmanagement", "IntelligenceManagement", "tmf642"},
}

var lines = []struct{ name, team, domain string }{
	{"retail", "blue", "consumer"}, {"wholesale", "amber", "partners"}, {"business", "violet", "enterprise"}, {"iot", "teal", "devices"},
}

// fill registers components, the last one newest; it returns their names, newest first.
func (r *registry) fill(count int) []string {
	r.t.Helper()
	r.registry("self")
	var names []string
	for i := range count {
		block, line := blocks[i%len(blocks)], lines[i/len(blocks)%len(lines)]
		name := fmt.Sprintf("%s-%s", line.name, block.name)
		if round := i / len(blocks) / len(lines); round > 0 {
			name += fmt.Sprintf("-%d", round+1)
		}
		// The newest change is seconds old, the oldest days.
		age := count - i
		r.now = noon.Add(-time.Duration(age*age) * 17 * time.Second)
		labels := []string{
			"component-version=1." + fmt.Sprint(i%4) + ".0", "functionalBlock=" + block.block, "id=" + block.id,
			"managed-by=odasync/default", "namespace=" + line.name, "team=" + line.team, "domain=" + line.domain,
		}
		r.component(name, labels...)
		status := "ready"
		if i%7 == 3 {
			status = "pending"
		}
		host := "https://" + line.name + ".canvas.example.org"
		r.api(name, api{
			name: block.name + "-" + block.tmf, url: host + "/" + name + "/tmf-api/" + block.tmf + "/v4", status: status,
			specification: "https://specs.example.org/" + block.tmf + ".json",
			labels:        append(labels, "developerUI="+host+"/"+name+"/docs"),
		})
		if i%3 != 0 {
			r.api(name, api{name: "metrics", url: host + "/" + name + "/metrics", status: "ready", labels: append(labels, "segment=management")})
		}
		names = append([]string{name}, names...)
	}
	r.now = noon
	return names
}
