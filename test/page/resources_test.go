package page

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// newResources returns a served TMF639 registry with components as odasync registers them: each has one or two APIs, of
// which some are pending, or have an address within the cluster alone.
func newResources(t *testing.T, count int) *registry {
	t.Helper()
	clock := registrytest.Noon()
	server, client := registrytest.Start(t, refregistry.Config{API: refregistry.TMF639, Now: clock.Now})
	r := &registry{Client: client, Clock: clock, server: server}
	noon := r.Time
	for i := range count {
		block, line := blocks[i%len(blocks)], lines[i/len(blocks)%len(lines)]
		name := fmt.Sprintf("%s-%s-%d", line.name, block.name, i)
		age := count - i
		r.Time = noon.Add(-time.Duration(age*age) * 17 * time.Second)
		r.resource("self:"+name, "ODAComponent", "available", "", map[string]any{
			"namespace": line.name, "deploymentStatus": "Complete", "functionalBlock": block.block, "id": block.id, "version": fmt.Sprintf("1.%d.0", i%4),
			"description": "Component " + block.id + " of the line " + line.name + ". " + strings.Repeat("It serves "+line.domain+" through channels and partners. ", i%5),
		})
		url, status := "https://"+line.name+".canvas.example.org/"+name+"/tmf-api/"+block.tmf+"/v4", "available"
		if i%7 == 3 {
			url, status = "http://"+name+"."+line.name+".svc.cluster.local:8080/tmf-api/"+block.tmf+"/v4", "standby"
		}
		r.resource("self:"+name+"-"+block.tmf, "API", status, "self:"+name, map[string]any{
			"namespace": line.name, "apiName": block.tmf, "apiType": "openapi", "url": url, "apiDocs": url + "/docs",
			"specification": []map[string]string{{"url": "https://specs.example.org/" + block.tmf + "-v4.0.0.json"}},
		})
		if i%3 != 0 {
			r.resource("self:"+name+"-metrics", "API", "available", "self:"+name, map[string]any{
				"namespace": line.name, "apiName": "metrics", "apiType": "prometheus", "url": "http://" + name + "-metrics." + line.name + ".svc:4000/metrics",
			})
		}
	}
	r.Time = noon
	return r
}

func (r *registry) resource(id, category, status, exposedBy string, values map[string]any) {
	r.Helper()
	var characteristics []map[string]any
	for name, value := range values {
		characteristics = append(characteristics, map[string]any{"@type": "Characteristic", "name": name, "value": value})
	}
	document := map[string]any{
		"@type": "LogicalResource", "id": id, "category": category, "resourceStatus": status, "resourceCharacteristic": characteristics,
	}
	if exposedBy != "" {
		document["resourceRelationship"] = []any{map[string]any{
			"@type": "ResourceRelationship", "id": "r", "relationshipType": "exposedBy", "resource": map[string]any{"@type": "ResourceRef", "id": exposedBy},
		}}
	}
	body, err := json.Marshal(document)
	if err != nil {
		r.Fatal(err)
	}
	r.Expect(201, "POST", "/resource", string(body))
}
