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
	"odasync/internal/refregistry/faults"
	"odasync/internal/testcheck"
	"odasync/test/procs"
	"odasync/test/testenv"
)

// created counts the components that were created in a registry.
func created(in *testenv.Registry) int {
	count := 0
	for _, write := range in.History() {
		if write.Kind == refregistry.KindComponent && write.Method == http.MethodPost {
			count++
		}
	}
	return count
}

// TestReplay_ResumesAfterKill kills ctl with SIGKILL during a replay to a second registry, and resumes it.
func TestReplay_ResumesAfterKill(t *testing.T) {
	const namespace, count, gone, concurrency = "e2e-replay", 80, 8, 4
	env := newParallel(t, namespace)
	var objects []*unstructured.Unstructured
	for n := range count {
		objects = append(objects, testenv.Component(namespace, fmt.Sprintf("part-%02d", n), "1", "first", "second"))
	}
	env.Apply(objects...)
	env.DeleteAfterwards(func() []*unstructured.Unstructured { return objects[gone:] })
	env.StartPair()
	env.AwaitInSync(testenv.Timeout)
	env.Delete(objects[:gone]...)
	env.AwaitInSync(testenv.Timeout)
	calls := env.Registry.Calls()

	built := testenv.NewRegistry(t)
	built.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodGet {
			return nil
		}
		return &faults.Fault{Delay: 5 * time.Millisecond} // so that it can be killed in the middle
	})
	replay := procs.Spec{
		Name: "replay", Program: "ctl",
		Args: []string{"replay", "--all", "--yes", "--to", built.URL(), "--concurrency", strconv.Itoa(concurrency)},
		Env:  map[string]string{"NATS_URL": env.NATSURL, "COMPONENT_REGISTRY_URL": env.Registry.URL(), "CLUSTER_NAME": env.Mapping.Cluster},
	}
	first := env.Start(replay)
	env.Eventually(testenv.Timeout, "a third of the components is created", func() error {
		if have := created(built); have < count/3 {
			return fmt.Errorf("%d components were created", have)
		}
		return nil
	})
	first.Kill()
	killed := created(built)
	if killed >= count-gone {
		t.Fatalf("all %d components were there when the replay was killed", killed)
	}

	replay.Name, replay.Args = "resumed", append(replay.Args, "--resume")
	second := env.Start(replay)
	code, err := second.Wait(env.Within(testenv.Timeout))
	env.Must(err)
	if code != 0 {
		t.Fatalf("the resumed replay ended with %d:\n%s", code, second.Tail(10))
	}
	env.Must(env.CheckInSync(testenv.ContentOf(built.Snapshot())))
	testcheck.Equal(t, "components created, each once", count-gone, created(built))
	// The resumed replay repeats what was in progress, and nothing that was done. A deletion leaves nothing in the new registry: the
	// killed replay may have done any number of them.
	line, err := second.Await(env.Within(testenv.Timeout), built.URL()+" ") // of the table
	env.Must(err)
	applied, err := strconv.Atoi(strings.Fields(line)[1])
	env.Must(err)
	if rest := count - gone - killed; applied < rest || applied > rest+concurrency+gone {
		t.Errorf("the resumed replay applied %d where %d were missing: %s", applied, rest, line)
	}
	testcheck.Equal(t, "requests to the live registry", 0, env.Registry.Calls()-calls)
}
