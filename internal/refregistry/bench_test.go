package refregistry

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The benchmarks call the handler without a network: what is left of a request
// is the registry's own share.
func serveOnce(b *testing.B, s *Server, want int, method, path, body string) {
	b.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	if rec.Code != want {
		b.Fatalf("%s %s: status %d: %s", method, path, rec.Code, rec.Body)
	}
}

func filled(b *testing.B, components int) *Server {
	b.Helper()
	s := New(Config{})
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

func BenchmarkPageOfThousandComponents(b *testing.B) {
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

func BenchmarkCreateAPI(b *testing.B) {
	s := filled(b, 1)
	for b.Loop() {
		serveOnce(b, s, http.StatusCreated, "POST", "/exposed-apis/",
			`{"registry_name":"self","component_name":"component-0","name":"a","url":"http://example.org/a","label_ids":[1,2,3]}`)
	}
}

func BenchmarkUpdateComponent(b *testing.B) {
	s := filled(b, 10_000)
	for b.Loop() {
		serveOnce(b, s, http.StatusOK, "PUT", "/components/5000", `{"label_ids":[1,2,3]}`)
	}
}

// With a file behind it, a write is answered when it is on disk; writers share
// the commits.
func BenchmarkCreateAPIOnDisk(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			s, err := Open(Config{}, filepath.Join(b.TempDir(), "registry.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			}()
			serveOnce(b, s, http.StatusCreated, "POST", "/registries/", `{"name":"self","type":"self","url":"u"}`)
			for i := range writers {
				serveOnce(b, s, http.StatusCreated, "POST", "/components/", fmt.Sprintf(`{"registry_name":"self","name":"component-%d"}`, i))
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				all.Go(func() {
					body := fmt.Sprintf(`{"registry_name":"self","component_name":"component-%d","name":"a","url":"http://example.org/a"}`, w)
					for left.Add(-1) >= 0 {
						serveOnce(b, s, http.StatusCreated, "POST", "/exposed-apis/", body)
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "registry.db")
	s, err := Open(Config{}, path)
	if err != nil {
		b.Fatal(err)
	}
	err = s.store.update(b.Context(), func(t *tables) error {
		for i := range 100_000 {
			if _, err := t.components.insert(componentRow{Registry: "self", Name: fmt.Sprintf("component-%d", i), LabelIDs: []int64{1, 2, 3}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		b.Fatal(err)
	}
	b.Run("100000 components", func(b *testing.B) {
		for b.Loop() {
			s, err := Open(Config{}, path)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The page works on everything that there is.
func BenchmarkPageForPeople(b *testing.B) {
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
