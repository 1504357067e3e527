package tmf639_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"odasync/internal/refregistry/registrytest"
)

func TestService_ConcurrentCreatorsOfOneDocument(t *testing.T) {
	s, c := start(t)
	var created, conflicts atomic.Int32
	var creators sync.WaitGroup
	for range 16 {
		creators.Go(func() {
			switch res, err := c.Send(c.Request("POST", "/resource", `{"@type":"R","id":"self:a"}`)); {
			case err != nil:
				t.Error(err)
			case res.Status == 201:
				created.Add(1)
			case res.Status == 409:
				conflicts.Add(1)
			}
		})
	}
	creators.Wait()
	registrytest.Same(t, [3]int{1, 15, 1}, [3]int{int(created.Load()), int(conflicts.Load()), len(s.Resources())})
}

// TestService_ConcurrentUse runs all operations at once, with a hub and /sync; make test adds the race detector.
func TestService_ConcurrentUse(t *testing.T) {
	s, c := start(t)
	copied, to := start(t)
	c.Expect(201, "POST", "/hub", `{"callback":"`+to.URL+`/sync","query":"source=canvas-a"}`)
	c.Expect(201, "POST", "/resource", `{"@type":"R","id":"self:shop"}`)
	const workers, rounds = 6, 10
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				id := fmt.Sprintf("self:%d-%d", w, i)
				c.Expect(201, "POST", "/resource", `{"@type":"R","id":"`+id+`","resourceRelationship":`+reference("self:shop")+`}`)
				c.Expect(200, "PATCH", "/resource/"+id, `{"@type":"S"}`)
				c.Expect(200, "GET", "/resource?limit=-1&filter=$[0]", "")
				c.Expect(200, "GET", "/resource/"+id, "")
				c.Expect(200, "GET", "/hub", "")
				if i%2 == 0 {
					c.Expect(204, "DELETE", "/resource/"+id, "")
				}
				s.Resources()
			}
		})
	}
	all.Wait()
	left := workers*rounds/2 + 1
	registrytest.Same(t, []int{left, left}, []int{len(s.Resources()), len(copied.Resources())})
	for _, r := range s.Resources()[1:] {
		registrytest.Same(t, `{"@type":"S"}`, string(r.Document))
		registrytest.Same(t, "self:shop", r.Links[0].Target)
	}
}
