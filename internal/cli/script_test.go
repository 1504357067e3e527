package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/refregistry/faults"
	"odasync/internal/registry"
	"odasync/internal/stream/streamtest"
	"odasync/internal/target"
	"odasync/internal/testwait"
)

// TestScripts runs testdata/script. Beside the commands of testscript, which compare files and output, the scripts use:
//
//	ctl ARG...                     run ctl; with exit code 0
//	exits CODE ARG...              run ctl; with another exit code
//	misuse REGEXP ARG...           run ctl; with exit code 2, the message on stderr, and nothing on stdout
//	await CODE REGEXP ARG...       run ctl until the exit code and the output match
//	start ARG... / stop            run ctl in the background / interrupt it, with exit code 0 and its output
//	awaitoutput REGEXP             wait for output of the background ctl
//	shape EXAMPLE                  compare the JSON on stdout with the example in docs/api.md
//	pipeline                       start NATS with stream and sync state, and a registry, and configure ctl
//	nats [stream]                  start NATS alone, or with the stream
//	watcher DIR / syncer [URL]     run a watcher on a folder / a syncer of the registry
//	publish NAMESPACE NAME VERSION, delete NAMESPACE NAME, malformed NAMESPACE NAME    publish an event
//	fixture NAME                   publish the events of a fixture
//	entries URL [NAME VERSION]...  wait until the registry has exactly these components
//	deleteentry NAME               delete an entry from the registry, as another client
//	writes / nowrites              count the writes to the registry / check that there were none since
//	reject / unavailable / unauthorized / accept    let the registry reject components bad*, respond with 503, 401 / accept everything
//	get STATUS URL [KEY]           request a URL
//	unused VARIABLE / listen VARIABLE    set the variable to an address without / with a listener
//	target NAME URL                create another target in the stream
func TestScripts(t *testing.T) {
	commands := map[string]func(*script, []string){
		"ctl":    func(s *script, args []string) { s.exits("0", args) },
		"exits":  func(s *script, args []string) { s.exits(args[0], args[1:]) },
		"misuse": (*script).misuse,
		"await":  (*script).await,
		"start": func(s *script, args []string) {
			s.environ()
			s.running = start(s.t, args...)
		},
		"stop": func(s *script, _ []string) {
			s.running.cancel()
			r := s.running.wait(s.t)
			s.print(r)
			r.expect(s.t, 0)
		},
		"awaitoutput": func(s *script, args []string) {
			testwait.NoError(s.t, "wait for the output", func() error { return s.matches(args[0], s.running.stdout.String()+s.running.stderr.String()) })
		},
		"shape":    func(s *script, args []string) { expectShape(s.t, strings.Join(args, " "), s.ReadFile("stdout")) },
		"pipeline": (*script).pipeline,
		"nats": func(s *script, args []string) {
			server := streamtest.Start(s.t)
			if len(args) > 0 {
				streamtest.EnsureLog(s.t, server.Conn(s.t))
			}
			s.Setenv("NATS_URL", server.URL())
		},
		"watcher": func(s *script, args []string) { s.p.startWatcher(s.t, s.MkAbs(args[0])) },
		"syncer": func(s *script, args []string) { // [URL [API]]
			address, api := s.p.url, registry.APIAuto
			if len(args) > 0 {
				address = args[0]
			}
			if len(args) > 1 {
				api = args[1]
			}
			s.p.startSyncer(s.t, address, api)
		},
		"publish": func(s *script, args []string) {
			s.p.publish(s.t, content(args[0], args[1], args[2]))
		},
		"delete":    func(s *script, args []string) { s.p.remove(s.t, args[0], args[1]) },
		"malformed": func(s *script, args []string) { s.p.publishMalformed(s.t, key(args[0], args[1])) },
		"fixture":   func(s *script, args []string) { fixtures[args[0]](s) },
		"entries":   (*script).entries,
		"writes":    func(s *script, _ []string) { s.writes = len(s.p.registry.History()) },
		"nowrites": func(s *script, _ []string) {
			if writes := len(s.p.registry.History()) - s.writes; writes != 0 {
				s.Fatalf("%d writes to the registry", writes)
			}
		},
		"deleteentry": func(s *script, args []string) { s.p.deleteEntry(s.t, args[0]) },
		"reject":      func(s *script, _ []string) { s.p.reject() },
		"unavailable": func(s *script, _ []string) {
			s.p.registry.SetFault(func(*http.Request) *faults.Fault {
				return &faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"detail":"closed for repairs"}`}
			})
		},
		"unauthorized": func(s *script, _ []string) {
			s.p.registry.SetFault(func(*http.Request) *faults.Fault {
				return &faults.Fault{Status: http.StatusUnauthorized, Body: `{"detail":"the key is wrong"}`}
			})
		},
		"accept": func(s *script, _ []string) { s.p.registry.SetFault(nil) },
		"get":    (*script).get,
		"awaitget": func(s *script, args []string) {
			testwait.NoError(s.t, "wait for "+args[0], func() error {
				_, body, err := s.request(args[0], "")
				if err != nil {
					return err
				}
				return s.matches(args[1], string(body))
			})
		},
		"unused": func(s *script, args []string) { s.Setenv(args[0], unusedAddress(s.t)) },
		"listen": func(s *script, args []string) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			must(s.t, err)
			s.t.Cleanup(func() { _ = listener.Close() }) // nothing is lost
			s.Setenv(args[0], listener.Addr().String())
			s.Setenv(args[0]+"_PORT", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
		},
		"target": func(s *script, args []string) {
			_, err := s.p.log.EnsureConsumer(s.t.Context(), args[0], args[1])
			must(s.t, err)
		},
	}
	params := testscript.Params{
		Dir: filepath.Join(root, "internal", "cli", "testdata", "script"), RequireUniqueNames: true, UpdateScripts: *update, Cmds: map[string]func(*testscript.TestScript, bool, []string){},
		Setup: func(env *testscript.Env) error {
			t := env.T().(scriptT).T
			environment(t, nil)
			env.Setenv("XDG_STATE_HOME", os.Getenv("XDG_STATE_HOME"))
			env.Setenv("XDG_CONFIG_HOME", os.Getenv("XDG_CONFIG_HOME"))
			env.Setenv("KUBECONFIG", os.Getenv("KUBECONFIG"))
			env.Values["script"] = &script{t: t}
			return nil
		},
	}
	for name, run := range commands {
		params.Cmds[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s cannot be negated", name)
			}
			s := ts.Value("script").(*script)
			s.TestScript = ts
			run(s, args)
			if s.t.Failed() {
				s.t.FailNow()
			}
		}
	}
	testscript.RunT(scriptT{t}, params)
}

// scriptT runs the scripts one after the other: they share the process's environment.
type scriptT struct{ *testing.T }

func (scriptT) Parallel()     {}
func (scriptT) Verbose() bool { return testing.Verbose() }
func (t scriptT) Run(name string, run func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { run(scriptT{t}) })
}

// script is a script that runs.
type script struct {
	*testscript.TestScript
	t       *testing.T
	p       *pipeline
	running *running
	writes  int
}

// environ makes the script's environment and working directory those of the process.
func (s *script) environ() {
	must(s.t, os.Chdir(s.MkAbs(".")))
	for _, name := range append(variables(), "KUBECONFIG", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "ODASYNC_CONTEXT") {
		if value := s.Getenv(name); value != "" {
			must(s.t, os.Setenv(name, value))
		} else {
			must(s.t, os.Unsetenv(name))
		}
	}
}

// run runs ctl without printing its output.
func (s *script) run(args []string) result {
	s.environ()
	return ctl(s.t, args...)
}

func (s *script) print(r result) {
	_, _ = io.WriteString(s.Stdout(), r.stdout) // to memory
	_, _ = io.WriteString(s.Stderr(), r.stderr)
}

func (s *script) exits(code string, args []string) {
	r := s.run(args)
	s.print(r)
	if code != strconv.Itoa(r.code) {
		s.Fatalf("exit code %d, want %s\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
}

func (s *script) misuse(args []string) {
	r := s.run(args[1:])
	s.print(r)
	r.expect(s.t, 2, "ctl: ")
	must(s.t, s.matches(args[0], r.stderr))
	if r.stdout != "" {
		s.t.Errorf("stdout: %s", r.stdout)
	}
	for line := range strings.Lines(r.stderr) {
		if strings.Count(r.stderr, line) > 1 {
			s.t.Errorf("printed twice: %s", line)
		}
	}
}

func (s *script) matches(pattern, text string) error {
	if !regexp.MustCompile("(?s)" + pattern).MatchString(text) {
		return fmt.Errorf("%q does not match:\n%s", pattern, text)
	}
	return nil
}

func (s *script) await(args []string) {
	var r result
	testwait.NoError(s.t, "wait for "+args[1], func() error {
		r = s.run(args[2:])
		if args[0] != strconv.Itoa(r.code) {
			return fmt.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
		}
		return s.matches(args[1], r.stdout+r.stderr)
	})
	s.print(r)
}

func (s *script) pipeline([]string) {
	s.p = newPipeline(s.t)
	s.Setenv("NATS_URL", s.p.nats.URL())
	s.Setenv("REGISTRY", s.p.url)
	s.Setenv("REGISTRY_PORT", s.p.url[strings.LastIndex(s.p.url, ":")+1:])
	s.Setenv("COMPONENT_REGISTRY_URL", s.p.url)
}

// request returns the status and the body of a response.
func (s *script) request(url, key string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if request.Close = true; key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func (s *script) get(args []string) {
	status, body, err := s.request(args[1], append(args, "")[2])
	must(s.t, err)
	_, _ = s.Stdout().Write(body) // to memory
	if args[0] != strconv.Itoa(status) {
		s.Fatalf("status %d, want %s", status, args[0])
	}
}

func (s *script) entries(args []string) {
	var want []string
	for pair := range slices.Chunk(args[1:], 2) {
		want = append(want, strings.Join(pair, " "))
	}
	testwait.NoError(s.t, "wait for the registry", func() error {
		if s.running != nil && len(s.running.ended) > 0 {
			s.t.Fatalf("ctl has ended:\n%s", s.running.stderr.String())
		}
		_, body, err := s.request(args[0]+"/components/", "")
		if err != nil {
			return err
		}
		var rows []struct {
			Name   string
			Labels []struct{ Key, Value string }
		}
		if err := json.Unmarshal(body, &rows); err != nil {
			return err
		}
		var got []string
		for _, row := range rows {
			for _, label := range row.Labels {
				if label.Key == "component-version" {
					got = append(got, row.Name+" "+label.Value)
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

var fixtures = map[string]func(*script){
	// A component in each state, all recorded at one time, which is printed as $AT.
	"states": func(s *script) {
		t, p, recorded := s.t, s.p, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		s.Setenv("AT", recorded.Local().Format(time.DateTime))
		publish := func(namespace, name string) event.Event {
			return p.publish(t, &component.Component{
				Namespace: namespace, Name: name, DeploymentStatus: "Complete", Metadata: component.Metadata{Version: "1.2.0"},
				ExposedAPIs: []component.ExposedAPI{
					{Name: "catalog", Segment: component.SegmentCore, Ready: true}, {Name: "metrics", Segment: component.SegmentManagement},
				},
				DependentAPIs: []component.DependentAPI{
					{Name: "stock", Segment: component.SegmentCore, URL: "http://stock", Ready: true}, {Name: "roles", Segment: component.SegmentSecurity},
				},
			})
		}
		e := publish("shop", "catalog")
		p.record(t, target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeApplied, Hash: e.Hash, Ref: target.Ref{ID: "3"}, Updated: recorded})
		p.publish(t, &component.Component{Namespace: "shop", Name: "new"})
		e = publish("shop", "orders")
		p.record(t, target.State{Key: e.Key, Intent: e.Sequence, Error: "GET /labels/: connection refused", Attempts: 2, Updated: recorded})
		e = publish("back-office", "ledger")
		p.record(t, target.State{Key: e.Key, Sequence: e.Sequence, Outcome: target.OutcomeFailed, Error: "HTTP 422: name too long", Updated: recorded})
		for _, name := range []string{"deleted", "going"} {
			e := publish("shop", name)
			state := target.State{Key: e.Key, Sequence: p.remove(t, "shop", name).Sequence, Outcome: target.OutcomeDeleted, Updated: recorded}
			if name == "going" { // the registry still has it
				state.Sequence, state.Outcome, state.Hash, state.Ref.ID = e.Sequence, target.OutcomeApplied, e.Hash, "4"
			}
			p.record(t, state)
		}
	},
	// The history of shop/catalog. $HALF is a time in its middle, $END one after it, $T1 to $T7 are the times of its events.
	"history": func(s *script) {
		t, p := s.t, s.p
		at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
		for minute := range 8 {
			s.Setenv(fmt.Sprint("T", minute), at(minute).Local().Format(time.DateTime))
		}
		upsert := func(minute int, uid, version string, change func(*component.Component)) event.Event {
			c := &component.Component{Namespace: "shop", Name: "catalog", Metadata: component.Metadata{Version: version}}
			if change != nil {
				change(c)
			}
			return event.Upserted(key("shop", "catalog"), component.Observation{UID: uid, ResourceVersion: fmt.Sprint(100 + minute), Component: c, Seen: at(minute)})
		}
		complete := func(c *component.Component) {
			c.DeploymentStatus, c.ExposedAPIs = "Complete", []component.ExposedAPI{{Name: "orders", Segment: component.SegmentCore}}
			c.DependentAPIs = []component.DependentAPI{{Name: "stock", Segment: component.SegmentCore}}
		}
		p.publishEvent(t, upsert(1, "u1", "1.0", nil))
		_, err := p.nats.NATS(t).Request(event.SnapshotSubject("default"), []byte("{}"), testwait.Limit) // its sequence is 2
		must(t, err)
		p.publishEvent(t, upsert(2, "u1", "1.1", complete))
		s.Setenv("HALF", time.Now().Format(time.RFC3339Nano))
		p.publishEvent(t, upsert(3, "u1", "1.1", complete))
		p.publishEvent(t, event.Tombstone(key("shop", "catalog"), "u1", "105", at(5)))
		p.publishEvent(t, upsert(6, "u2", "2.0", nil))
		p.publishEvent(t, upsert(7, "u3", "2.0", func(c *component.Component) {
			c.Labels = map[string]string{"team": "red"}
			c.Metadata.Description = "one\n" + strings.Repeat("long ", 30)
		}))
		p.publish(t, &component.Component{Namespace: "shop", Name: "orders"})
		s.Setenv("END", time.Now().Format(time.RFC3339Nano))
	},
	// A component that is deleted while a finalizer holds it, and another that is first known so.
	"terminating": func(s *script) {
		for _, c := range []component.Component{{Name: "catalog"}, {Name: "catalog", Terminating: true}, {Name: "orders", Terminating: true}, {Name: "prices"}} {
			c.Namespace, c.DeploymentStatus = "shop", "Complete"
			s.p.publish(s.t, &c)
		}
	},
}
