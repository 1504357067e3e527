package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"odasync/internal/cli"
	"odasync/internal/logtest"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/faults"
	"odasync/internal/replay"
)

// interrupted runs ctl replay and stops it, as Ctrl-C does, once the condition holds.
func interrupted(t *testing.T, args []string, when func() bool) (replay.Result, result) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stdout, stderr logtest.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Execute(ctx, append([]string{"ctl", "replay", "-o", "json"}, args...), &stdout, &stderr)
	}()
	eventually(t, func() error {
		if !when() {
			return errors.New("not yet")
		}
		return nil
	})
	stop()
	got := result{<-ended, stdout.String(), stderr.String()}
	got.expect(t, 2, "interrupted: ", "go on with", "--resume")
	var replay replay.Result
	if err := json.Unmarshal([]byte(got.stdout), &replay); err != nil {
		t.Fatalf("no JSON: %v\n%s%s", err, got.stdout, got.stderr)
	}
	return replay, got
}

// slow makes every write take a while, so that there is a middle.
func slow(registry *refregistry.Server) {
	registry.SetFault(func(r *http.Request) *faults.Fault {
		if r.Method == http.MethodGet {
			return nil
		}
		return &faults.Fault{Delay: 2 * time.Millisecond}
	})
}

func TestReplayGoesOnAfterAnInterruption(t *testing.T) {
	p := newPipeline(t)
	const components = 100
	p.fill(t, components)
	built, url := another(t, refregistry.Config{})
	slow(built)

	first, cut := interrupted(t, []string{"--since", "1h", "--to", url, "--concurrency", "2"}, func() bool { return posted(built) > components/4 })
	if first.Complete || first.Applied < components/4 || first.Applied >= components {
		t.Fatalf("nothing was interrupted: %+v", first)
	}
	if files := journals(t); len(files) != 1 {
		t.Fatalf("the state files are %q", files)
	}
	got := ctl(t, append([]string{"replay", "--dry-run", "-o", "json"}, cut.goOn(t)...)...)
	var plan replay.Plan
	if err := json.Unmarshal([]byte(got.stdout), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Done != first.Applied || plan.Events != components {
		t.Errorf("the plan of the rest is %+v after %d", plan, first.Applied)
	}

	// What changes meanwhile is applied in its newest state.
	p.next(t, of("shop", "c-000"), content("shop", "c-000", "2"))
	second, _ := replayed(t, 0, cut.goOn(t)...)
	if want := components - first.Applied + 1; second.Applied != want || !second.Complete {
		t.Errorf("applied %d and then %d, want %d", first.Applied, second.Applied, want)
	}
	if created := posted(built); created != components*9/10 {
		t.Errorf("%d components were created, want each of %d once", created, components*9/10)
	}
	if shown := built.Snapshot().Components[0]; shown.Name != "c-000" || shown.Labels["component-version"] != "2" {
		t.Errorf("the changed one shows as %+v", shown)
	}
	if files := journals(t); len(files) > 0 {
		t.Errorf("a replay that is done left %q", files)
	}
	got = ctl(t, append([]string{"replay"}, cut.goOn(t)...)...)
	got.expect(t, 2, "there is nothing to resume", "leave out --resume")
}

func TestReplayStartsOverWithoutResume(t *testing.T) {
	p := newPipeline(t)
	const components = 60
	p.fill(t, components)
	built, url := another(t, refregistry.Config{})
	slow(built)
	args := []string{"--all", "--to", url, "--concurrency", "2"}
	first, cut := interrupted(t, args, func() bool { return posted(built) > components/4 })

	// A line that a power failure tore counts as not written, whatever it says.
	file := journals(t)[0]
	journal, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, string(journal)+"9999 default.shop.c-059")
	got := ctl(t, append([]string{"replay", "--dry-run", "-o", "json"}, cut.goOn(t)...)...)
	got.expect(t, 0)
	var plan replay.Plan
	if err := json.Unmarshal([]byte(got.stdout), &plan); err != nil {
		t.Fatal(err)
	}
	if plan.Done != first.Applied {
		t.Errorf("done are %d of %d", plan.Done, first.Applied)
	}

	second, got := replayed(t, 0, args...)
	if second.Applied != components || second.Unchanged < first.Changed || second.Plan.Done != 0 {
		t.Errorf("started over: %+v after %+v", second, first)
	}
	got.expect(t, 0, "starting over", "--resume")
	if created := posted(built); created != components*9/10 {
		t.Errorf("%d components were created, want each of %d once", created, components*9/10)
	}
}

func TestReplayIsRunByOneProcess(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 20)
	built, url := another(t, refregistry.Config{})
	hang := make(chan struct{})
	built.SetFault(func(r *http.Request) *faults.Fault {
		<-hang
		return nil
	})
	ended := make(chan result, 1)
	go func() { ended <- ctl(t, "replay", "--all", "--to", url) }()
	eventually(t, func() error {
		if files := journals(t); len(files) != 1 {
			return errors.New("not begun")
		}
		return nil
	})
	ctl(t, "replay", "--all", "--to", url).expect(t, 2, "another process is running `ctl replay --all --to "+url+"`")
	close(hang)
	(<-ended).expect(t, 0)
}

// TestReplayToARegistryThatIsAway waits for it as long as it was told to, and goes on later.
func TestReplayToARegistryThatIsAway(t *testing.T) {
	for name, live := range map[string]bool{"another one": false, "the live one": true} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t)
			p.fill(t, 20)
			args := []string{"--all", "--timeout", "2s"}
			registry, url := p.registry, p.url
			if live {
				p.sync(t, p.url)
				p.settled(t, 18)
				p.remove(t, "c-007")
			} else {
				registry, url = another(t, refregistry.Config{})
				args = append(args, "--to", url)
			}
			registry.SetFault(func(*http.Request) *faults.Fault {
				return &faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"detail":"closed for today"}`}
			})
			t.Setenv("COMPONENT_REGISTRY_RETRY_DELAY", "100ms")
			first, got := replayed(t, 2, args...)
			got.expect(t, 2, "nothing could be applied to "+url+" for 2s", "closed for today", "0 of 20 are done", "go on with")
			if first.Applied != 0 || first.Complete {
				t.Errorf("applied %+v", first)
			}
			registry.SetFault(nil)
			second, _ := replayed(t, 0, got.goOn(t)...)
			if second.Applied != 20 || !second.Complete {
				t.Errorf("applied %+v", second)
			}
			if shown := len(registry.Snapshot().Components); shown != 18 {
				t.Errorf("the registry shows %d components", shown)
			}
		})
	}
}

// TestReplayOutlivesAShortOutage goes on by itself.
func TestReplayOutlivesAShortOutage(t *testing.T) {
	p := newPipeline(t)
	p.fill(t, 40)
	built, url := another(t, refregistry.Config{})
	t.Setenv("COMPONENT_REGISTRY_RETRY_DELAY", "100ms")
	away := time.Now().Add(1500 * time.Millisecond)
	built.SetFault(func(r *http.Request) *faults.Fault {
		if posted(built) > 10 && time.Now().Before(away) {
			return &faults.Fault{Reset: true, After: r.Method == http.MethodPost} // an answer that is lost
		}
		return nil
	})
	replay, _ := replayed(t, 0, "--all", "--to", url)
	if replay.Applied != 40 || replay.Seconds < 1 {
		t.Errorf("applied %+v", replay)
	}
	snapshot := built.Snapshot()
	if len(snapshot.Components) != 36 || len(snapshot.APIs) != 72 {
		t.Errorf("the registry shows %d components and %d APIs", len(snapshot.Components), len(snapshot.APIs))
	}
}

func TestReplayFindsNoComponent(t *testing.T) {
	p := newPipeline(t)
	_, url := another(t, refregistry.Config{})
	p.next(t, of("shop", "catalog"), content("shop", "catalog", "1"))
	p.next(t, of("other", "catalog"), content("other", "catalog", "1"))
	p.next(t, of("other", "catalog"), nil)
	ctl(t, "replay", "ledger", "--to", url).expect(t, 1, `the stream holds nothing of "ledger"`, "ctl list")
	ctl(t, "replay", "catalog", "--to", url).expect(t, 1, `2 components are called "catalog", deleted ones included`, "-n NAMESPACE")
	replay, got := replayed(t, 0, "-n", "nowhere", "--to", url)
	got.expect(t, 0, "there is nothing to replay")
	if !replay.Complete || replay.Plan.First != nil {
		t.Errorf("printed %+v", replay)
	}
	if files := journals(t); len(files) > 0 {
		t.Errorf("left %q", files)
	}
	if printed := ctl(t, "replay", "catalog", "-n", "shop", "--to", url).stdout; !strings.HasPrefix(strings.Join(strings.Fields(printed), " "),
		"REGISTRY APPLIED CHANGED UNCHANGED FAILED WRITES SECONDS RATE "+url+" 1 1 0 0 ") {
		t.Errorf("printed\n%s", printed)
	}
}

func TestReplayKeepsItsProgressSomewhere(t *testing.T) {
	p := newPipeline(t)
	_, url := another(t, refregistry.Config{})
	p.fill(t, 1)
	writeFile(t, "file", "")
	t.Setenv("XDG_STATE_HOME", "file")
	ctl(t, "replay", "--all", "--to", url).expect(t, 2, "keep the progress of the replay", "set XDG_STATE_HOME")
}
