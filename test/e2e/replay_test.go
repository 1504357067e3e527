package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/refregistry"
	"odasync/test/procs"
)

// created counts the components that were created in the registry.
func (r *registry) created() int {
	count := 0
	for _, write := range r.History() {
		if write.Kind == refregistry.KindComponent && write.Method == http.MethodPost {
			count++
		}
	}
	return count
}

// TestReplayIsKilled kills ctl with SIGKILL while it builds a second registry from the stream, and lets it go on.
func TestReplayIsKilled(t *testing.T) {
	t.Parallel()
	const namespace, count, gone, concurrency = "e2e-replay", 80, 8, 4
	l := newLab(t, namespace)
	var objects []*unstructured.Unstructured
	for n := range count {
		objects = append(objects, component(namespace, fmt.Sprintf("part-%02d", n), "1", "first", "second"))
	}
	l.apply(objects...)
	l.deleteAfterwards(func() []*unstructured.Unstructured { return objects[gone:] })
	l.pair()
	l.equal(patience)
	l.delete(objects[:gone]...)
	l.equal(patience)
	calls := l.registry.calls()

	built := newRegistry(t)
	built.SetFault(func(r *http.Request) *refregistry.Fault {
		if r.Method == http.MethodGet {
			return nil
		}
		return &refregistry.Fault{Delay: 5 * time.Millisecond} // so that there is a middle
	})
	replay := procs.Spec{
		Name: "replay", Program: "ctl",
		Args: []string{"replay", "--all", "--to", built.url(), "--concurrency", strconv.Itoa(concurrency)},
		Env:  map[string]string{"NATS_URL": l.natsURL, "COMPONENT_REGISTRY_URL": l.registry.url(), "CLUSTER_NAME": l.mapping.cluster},
	}
	first := l.start(replay)
	l.eventually(patience, "the replay is in its middle", func() error {
		if created := built.created(); created < count/3 {
			return fmt.Errorf("%d components were created", created)
		}
		return nil
	})
	first.Kill()
	killed := built.created()
	if killed >= count-gone {
		t.Fatalf("all %d components were there when the replay was killed", killed)
	}

	replay.Name, replay.Args = "resumed", append(replay.Args, "--resume")
	second := l.start(replay)
	code, err := second.Wait(l.within(patience))
	l.must(err)
	if code != 0 {
		t.Fatalf("the resumed replay ended with %d:\n%s", code, second.Tail(10))
	}
	l.must(l.differs(contentOf(built.Snapshot())))
	if created := built.created(); created != count-gone {
		t.Errorf("%d components were created, want each of %d once", created, count-gone)
	}
	// What was being applied when it was killed is looked at again, and nothing else of what was there. A deletion finds
	// nothing there: the killed replay may have come to some or none of them.
	line, err := second.Await(l.within(patience), built.url())
	l.must(err)
	applied, err := strconv.Atoi(strings.Fields(line)[1])
	l.must(err)
	if rest := count - gone - killed; applied < rest || applied > rest+concurrency+gone {
		t.Errorf("the resumed replay applied %d where %d were missing: %s", applied, rest, line)
	}
	if asked := l.registry.calls() - calls; asked != 0 {
		t.Errorf("the live registry was asked %d times", asked)
	}
}
