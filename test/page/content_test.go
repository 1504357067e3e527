package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// registry is a served registry whose clock the test sets.
type registry struct {
	*registrytest.Client
	*registrytest.Clock
	server *refregistry.Server
	labels map[string]int64
}

func newRegistry(t *testing.T, key string) *registry {
	t.Helper()
	clock := registrytest.Noon()
	server, client := registrytest.Start(t, refregistry.Config{APIKey: key, Now: clock.Now})
	return &registry{client, clock, server, map[string]int64{}}
}

// ids returns the ids of labels written key=value.
func (r *registry) ids(pairs []string) []int64 {
	r.Helper()
	ids := []int64{}
	for _, pair := range pairs {
		if r.labels[pair] == 0 {
			key, value, _ := strings.Cut(pair, "=")
			r.labels[pair] = r.Label(key, value)
		}
		ids = append(ids, r.labels[pair])
	}
	return ids
}

func (r *registry) component(name string, labels ...string) {
	r.Helper()
	r.Component("self", name, r.ids(labels)...)
}

type api struct {
	name, url, specification, status string
	labels                           []string
}

func (r *registry) api(of string, a api) {
	r.Helper()
	body, err := json.Marshal(map[string]any{
		"registry_name": "self", "component_name": of, "name": a.name, "url": a.url,
		"oas_specification": a.specification, "status": a.status, "label_ids": r.ids(a.labels),
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Expect(201, "POST", "/exposed-apis/", string(body))
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

// fill registers components, the newest last. It returns their names, newest first.
func (r *registry) fill(count int) []string {
	r.Helper()
	r.Registry("self")
	var names []string
	noon := r.Time
	for i := range count {
		block, line := blocks[i%len(blocks)], lines[i/len(blocks)%len(lines)]
		name := fmt.Sprintf("%s-%s", line.name, block.name)
		if round := i / len(blocks) / len(lines); round > 0 {
			name += fmt.Sprintf("-%d", round+1)
		}
		// The newest change is seconds old, the oldest days.
		age := count - i
		r.Time = noon.Add(-time.Duration(age*age) * 17 * time.Second)
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
		names = append(names, name)
	}
	r.Time = noon
	slices.Reverse(names)
	return names
}
