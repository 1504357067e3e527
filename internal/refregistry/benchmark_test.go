package refregistry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"odasync/internal/refregistry"
)

// serveOnce calls the handler without a network, so that the benchmarks measure
// only the registry.
func serveOnce(b *testing.B, s *refregistry.Server, want int, method, path, body string) {
	b.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	if rec.Code != want {
		b.Fatalf("%s %s: status %d: %s", method, path, rec.Code, rec.Body)
	}
}

func filled(b *testing.B, components int) *refregistry.Server {
	b.Helper()
	s := refregistry.New(refregistry.Config{})
	serveOnce(b, s, http.StatusCreated, "POST", "/registries/", `{"name":"self","type":"self","url":"u"}`)
	for i := range 10 {
		serveOnce(b, s, http.StatusCreated, "POST", "/labels/", fmt.Sprintf(`{"key":"key-%d","value":"value of the label"}`, i))
	}
	for i := range components {
		serveOnce(b, s, http.StatusCreated, "POST", "/components/",
			fmt.Sprintf(`{"registry_name":"self","name":"component-%d","label_ids":[1,2,3,4,5,6,7,8,9,10]}`, i))
	}
	return s
}

func BenchmarkServer_PageOf1000Components(b *testing.B) {
	for _, total := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("of %d", total), func(b *testing.B) {
			s := filled(b, total)
			path := fmt.Sprintf("/components/?registry_name=self&limit=1000&skip=%d", total-1000)
			for b.Loop() {
				serveOnce(b, s, http.StatusOK, "GET", path, "")
			}
		})
	}
}

func BenchmarkServer_CreateAPI(b *testing.B) {
	s := filled(b, 1)
	for b.Loop() {
		serveOnce(b, s, http.StatusCreated, "POST", "/exposed-apis/",
			`{"registry_name":"self","component_name":"component-0","name":"a","url":"http://example.org/a","label_ids":[1,2,3]}`)
	}
}

func BenchmarkServer_UpdateComponent(b *testing.B) {
	s := filled(b, 10_000)
	for b.Loop() {
		serveOnce(b, s, http.StatusOK, "PUT", "/components/5000", `{"label_ids":[1,2,3]}`)
	}
}

// The page reads the whole content.
func BenchmarkServer_WebPage(b *testing.B) {
	for _, total := range []int{200, 100_000} {
		s := filled(b, total)
		for name, query := range map[string]string{"all": "", "search": "?q=component-1+key-3"} {
			b.Run(fmt.Sprintf("%s of %d", name, total), func(b *testing.B) {
				for b.Loop() {
					serveOnce(b, s, http.StatusOK, "GET", "/"+query, "")
				}
			})
		}
	}
}
