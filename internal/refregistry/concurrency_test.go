package refregistry

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Racing creators of one pair or name: exactly one wins, as in a database
// with transactions.
func TestConcurrentCreatorsOfOneThing(t *testing.T) {
	_, c := start(t, Config{})
	c.registry("self")
	tests := []struct{ name, path, body string }{
		{"label", "/labels/", `{"key":"team","value":"blue"}`},
		{"registry", "/registries/", `{"name":"up","type":"upstream","url":"u"}`},
		{"component", "/components/", `{"registry_name":"self","name":"catalog"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var created, refused atomic.Int32
			var creators sync.WaitGroup
			for range 8 {
				creators.Go(func() {
					switch res, err := c.send(c.request("POST", tt.path, tt.body)); {
					case err != nil:
						t.Error(err)
					case res.status == 201:
						created.Add(1)
					case res.status == 400:
						refused.Add(1)
					}
				})
			}
			creators.Wait()
			same(t, [2]int32{1, 7}, [2]int32{created.Load(), refused.Load()})
		})
	}
}

// Everything at once; the race detector and the final content judge it.
func TestConcurrentUse(t *testing.T) {
	s, c := start(t, Config{ShuffleLists: true, RecordHistory: true})
	c.label("team", "blue")
	c.label("team", "red")
	c.registry("self")
	const workers, rounds = 6, 15
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("c%d-%d", w, i)
				id := c.component("self", name, 1)
				api := c.api("self", name, "a", 2)
				must[any](c, 200, "PUT", fmt.Sprintf("/components/%d", id), `{"label_ids":[2]}`)
				must[any](c, 200, "PATCH", fmt.Sprintf("/exposed-apis/%d/status", api), `{"status":"ready"}`)
				must[any](c, 200, "GET", "/components/?limit=1000", "")
				must[any](c, 200, "GET", "/stats", "")
				if i%3 == 0 {
					must[any](c, 204, "DELETE", fmt.Sprintf("/exposed-apis/%d", api), "")
					must[any](c, 204, "DELETE", fmt.Sprintf("/components/%d", id), "")
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
	same(t, [2]int{left, left}, [2]int{len(got.Components), len(got.APIs)})
	for _, component := range got.Components {
		same(t, map[string]string{"team": "red"}, component.Labels)
	}
	same(t, 3+workers*rounds*4+workers*rounds/3*2, len(s.History()))
	same(t, workers*rounds, s.Requests()["POST /components/"])
}
