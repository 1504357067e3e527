package v1

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"odasync/internal/target"
)

// BenchmarkInventory reads components with three APIs and ten labels from a server that answers from memory.
func BenchmarkInventory(b *testing.B) {
	const components, apis = 2000, 3
	labels := func(name string) string {
		all := fmt.Sprintf(`{"id":1,"key":"managed-by","value":"odasync/east"},{"id":2,"key":"namespace","value":"components"},{"id":3,"key":"componentName","value":%q}`, name)
		for n := 4; n <= 10; n++ {
			all += fmt.Sprintf(`,{"id":%d,"key":"label-%d","value":"some value of it"}`, n, n)
		}
		return "[" + all + "]"
	}
	var componentRows, apiRows []string
	for n := range components {
		name := fmt.Sprintf("component-%05d", n)
		componentRows = append(componentRows, fmt.Sprintf(`{"id":%d,"registry_name":"self","name":%q,"registry":{"id":1,"name":"self","url":"http://self","created_at":"2026-01-01T00:00:00"},"labels":%s}`, n+1, name, labels(name)))
		for api := range apis {
			apiRows = append(apiRows, fmt.Sprintf(`{"id":%d,"registry_name":"self","component_name":%q,"name":"%s-api-%d","url":"http://%s.example.org/tmf-api/%d","oas_specification":"https://specs.example.org/TMF620-v4.json","status":"ready","labels":%s}`, n*apis+api+1, name, name, api, name, api, labels(name)))
		}
	}
	pages := map[string][]byte{
		pathRegistries: []byte(`[{"id":1,"name":"self","url":"http://self","created_at":"2026-01-01T00:00:00"}]`), pathLabels: []byte(`[]`),
	}
	for path, rows := range map[string][]string{pathComponents: componentRows, pathAPIs: apiRows} {
		for skip := 0; skip < len(rows); skip += pageSize - 1 {
			page := bytes.NewBufferString("[")
			for n, row := range rows[skip:min(skip+pageSize, len(rows))] {
				if n > 0 {
					page.WriteByte(',')
				}
				page.WriteString(row)
			}
			page.WriteByte(']')
			pages[path+"?"+strconv.Itoa(skip)] = page.Bytes()
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, found := pages[r.URL.Path]
		if !found {
			page = pages[r.URL.Path+"?"+r.URL.Query().Get("skip")]
		}
		_, _ = w.Write(page)
	}))
	b.Cleanup(server.Close)
	a := newAdapter(b, server.URL)
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		if err := a.Inventory(b.Context(), "east", func(target.Entry) { read++ }); err != nil || read != components {
			b.Fatalf("read %d components: %v", read, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*components), "ns/component")
}
