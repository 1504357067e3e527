package faults

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"odasync/internal/refregistry/faults"
)

// registryFaults injects faults into the registry: small delays and resets at all times, and the fault of the plan while there is
// one.
type registryFaults struct {
	current atomic.Pointer[step] // nil for no fault
}

// fault is what refregistry.Server.SetFault asks.
func (f *registryFaults) fault(r *http.Request) *faults.Fault {
	if s := f.current.Load(); s != nil && s.meets(r) {
		switch s.kind {
		case unavailable:
			return &faults.Fault{Status: http.StatusServiceUnavailable, Body: "maintenance"}
		case tooMany:
			return &faults.Fault{Status: http.StatusTooManyRequests, RetryAfter: "1", Body: "slow down"}
		case hanging:
			return &faults.Fault{Hang: true, After: rand.IntN(2) == 0}
		case unauthorized:
			return &faults.Fault{Status: http.StatusUnauthorized, Body: "unauthorized"}
		}
	}
	fault := &faults.Fault{}
	if r.Method != http.MethodGet {
		fault.Delay = rand.N(50 * time.Millisecond) // so that many writes are in progress when a process is killed
	}
	if rand.IntN(50) == 0 {
		fault.Reset, fault.After = true, rand.IntN(2) == 0
	}
	return fault
}

// meets reports whether a fault affects a request: half of the faults affect every request, the others only requests that create
// something for every third component.
func (s *step) meets(r *http.Request) bool {
	if s.target%2 == 0 {
		return true
	}
	name := subject(r)
	if name == "" {
		return false
	}
	hash := fnv.New32()
	_, _ = hash.Write([]byte(name)) // never fails
	return int(hash.Sum32()%3) == s.target%3
}

// subject is the component that a request creates, or for which it creates an API; empty for any other request.
func subject(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost {
		return ""
	}
	var names struct {
		Registry  string `json:"registry_name"` // only what belongs to a registry has one
		Component string `json:"component_name"`
		Name      string `json:"name"`
		// Mark is that of a TMF639 document: odasync/CLUSTER/NAMESPACE/NAME/DIGEST.
		Mark string `json:"resourceVersion"`
	}
	if json.Unmarshal(body, &names) != nil {
		return ""
	}
	switch marked := strings.Split(names.Mark, "/"); {
	case len(marked) > 1:
		return marked[len(marked)-2]
	case names.Registry == "":
		return ""
	case names.Component != "":
		return names.Component
	}
	return names.Name
}
