package refregistry_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry"
	"odasync/internal/refregistry/registrytest"
)

// TestServer_ConcurrentCreatorsOfOneItem races creators of one pair or name:
// exactly one succeeds, as in a database with transactions.
func TestServer_ConcurrentCreatorsOfOneItem(t *testing.T) {
	_, c := registrytest.Start(t, refregistry.Config{})
	c.Registry("self")
	tests := []struct{ name, path, body string }{
		{"label", "/labels/", `{"key":"team","value":"blue"}`},
		{"registry", "/registries/", `{"name":"up","type":"upstream","url":"u"}`},
		{"component", "/components/", `{"registry_name":"self","name":"catalog"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var created, failed atomic.Int32
			var creators sync.WaitGroup
			for range 8 {
				creators.Go(func() {
					switch res, err := c.Send(c.Request("POST", tt.path, tt.body)); {
					case err != nil:
						t.Error(err)
					case res.Status == 201:
						created.Add(1)
					case res.Status == 400:
						failed.Add(1)
					}
				})
			}
			creators.Wait()
			registrytest.Same(t, [2]int32{1, 7}, [2]int32{created.Load(), failed.Load()})
		})
	}
}

// TestServer_ConcurrentUse runs all operations concurrently, and checks the
// final content; make test adds the race detector.
func TestServer_ConcurrentUse(t *testing.T) {
	s, c := registrytest.Start(t, refregistry.Config{ShuffleLists: true, RecordHistory: true})
	c.Label("team", "blue")
	c.Label("team", "red")
	c.Registry("self")
	const workers, rounds = 6, 15
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("c%d-%d", w, i)
				id := c.Component("self", name, 1)
				api := c.API("self", name, "a", 2)
				c.Expect(200, "PUT", fmt.Sprintf("/components/%d", id), `{"label_ids":[2]}`)
				c.Expect(200, "PATCH", fmt.Sprintf("/exposed-apis/%d/status", api), `{"status":"ready"}`)
				c.Expect(200, "GET", "/components/?limit=1000", "")
				c.Expect(200, "GET", "/stats", "")
				if i%3 == 0 {
					c.Expect(204, "DELETE", fmt.Sprintf("/exposed-apis/%d", api), "")
					c.Expect(204, "DELETE", fmt.Sprintf("/components/%d", id), "")
				}
				s.SetFault(nil)
				s.Snapshot()
				s.Requests()
				s.History()
			}
		})
	}
	all.Wait()
	left := workers * rounds * 2 / 3
	got := s.Snapshot()
	registrytest.Same(t, [2]int{left, left}, [2]int{len(got.Components), len(got.APIs)})
	for _, component := range got.Components {
		registrytest.Same(t, map[string]string{"team": "red"}, component.Labels)
	}
	registrytest.Same(t, 3+workers*rounds*4+workers*rounds/3*2, len(s.History()))
	registrytest.Same(t, workers*rounds, s.Requests()["POST /components/"])
}
