package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/event"
	"odasync/internal/natsconn"
	"odasync/internal/ops/opstest"
	"odasync/internal/stream"
	"odasync/internal/testwait"
	"odasync/test/cluster"
	"odasync/test/procs"
)

// secured is a cluster of three servers with passwords and TLS, as the chart configures it, on loopback.
type secured struct {
	group   *procs.Group
	dir     string // of the certificates: first, second and the one in use, tls; ca has both authorities
	servers []natsServer
	urls    string
}

func startSecured(t *testing.T, all objects) *secured {
	t.Helper()
	s := &secured{group: procs.ForTest(t), dir: t.TempDir()}
	var authorities []byte
	for _, name := range []string{"first", "second", "foreign"} {
		opstest.Certificate(t, s.file(name+".crt"), s.file(name+".key"), "127.0.0.1")
		if name != "foreign" {
			text, err := os.ReadFile(s.file(name + ".crt"))
			must(t, err)
			authorities = append(authorities, text...)
		}
	}
	must(t, os.WriteFile(s.file("ca.crt"), authorities, 0o600))
	s.install(t, "first")
	const id = "ConfigMap odasync-nats"
	settings := all.configuration(t, "nats.conf")
	for _, folder := range []string{"/etc/nats-tls", "/etc/nats-ca"} {
		contains(t, settings, folder+"/")
		settings = strings.ReplaceAll(settings, folder, s.dir)
	}
	must(t, unstructured.SetNestedField(all.find(t, id).Object, settings, "data", "nats.conf"))
	s.servers = startNATS(t, s.group, t.TempDir(), all)
	urls := make([]string, len(s.servers))
	for i, server := range s.servers {
		urls[i] = strings.Replace(server.url, "nats://", "tls://", 1)
	}
	s.urls = strings.Join(urls, ",")
	return s
}

func (s *secured) file(name string) string { return filepath.Join(s.dir, name) }

// install makes a certificate the one in use, as a changed Secret does in all Pods.
func (s *secured) install(t *testing.T, name string) {
	t.Helper()
	for _, suffix := range []string{".crt", ".key"} {
		text, err := os.ReadFile(s.file(name + suffix))
		must(t, err)
		must(t, os.WriteFile(s.file("new"+suffix), text, 0o600))
		must(t, os.Rename(s.file("new"+suffix), s.file("tls"+suffix)))
	}
}

// signal sends a signal with the command of the chart and of docs/nats-security.md.
func (s *secured) signal(t *testing.T, server natsServer, signal string) {
	t.Helper()
	command := start(t, s.group, procs.Spec{Name: "signal-" + signal + "-" + server.name, Program: "nats-server",
		Args: []string{"-sl", signal + "=" + filepath.Join(s.group.Dir, server.name+".pid")}})
	code, err := command.Wait(within(t))
	must(t, err)
	same(t, "exit code of -sl "+signal, code, 0)
}

// presents returns an error unless the server has that certificate for new clients.
func (s *secured) presents(server natsServer, name string) error {
	nc, err := nats.Connect(server.url, nats.UserInfo("watcher", "passwords-watcher"), nats.RootCAs(s.file(name+".crt")), nats.NoReconnect(), nats.IgnoreDiscoveredServers())
	if err != nil {
		return err
	}
	nc.Close()
	return nil
}

// routes returns the names of the servers that a server has routes to.
func routes(t *testing.T, server natsServer) (map[string]bool, error) {
	t.Helper()
	text, err := get(t, server.monitoring+"/routez")
	if err != nil {
		return nil, err
	}
	var status struct {
		Routes []struct {
			Name string `json:"remote_name"`
		} `json:"routes"`
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, route := range status.Routes {
		names[route.Name] = true
	}
	return names, nil
}

// complete waits until every server is ready, has routes to both others, and an up-to-date copy of the stream. Kubernetes waits for
// readiness alone before it replaces the next one.
func (s *secured) complete(t *testing.T) {
	t.Helper()
	for _, server := range s.servers {
		testwait.NoErrorWithin(t, patience, server.name+" is complete", func() error {
			if _, err := get(t, server.monitoring+"/healthz"); err != nil {
				return err
			}
			names, err := routes(t, server)
			if err == nil && len(names) != len(s.servers)-1 {
				err = fmt.Errorf("it has routes to %v", names)
			}
			if err != nil {
				return err
			}
			return server.monitors(t, "ODASYNC", stream.StreamName)
		})
	}
}

// flow publishes versions of a few components one after another until it is stopped, as a watcher does.
type flow struct {
	mu    sync.Mutex
	acked map[component.Key][]uint64 // sequence of version 1, 2, ...
	err   error
	stop  context.CancelFunc
	done  chan struct{}
}

const flowing = 8

func startFlow(t *testing.T, log *stream.Log) *flow {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &flow{acked: map[component.Key][]uint64{}, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for number := 0; ctx.Err() == nil; number++ {
			if err := f.publish(t.Context(), log, fmt.Sprintf("flowing-%d", number%flowing)); err != nil {
				f.mu.Lock()
				f.err = err
				f.mu.Unlock()
				return
			}
			_ = procs.Pause(ctx, 20*time.Millisecond) // ends the loop
		}
	}()
	t.Cleanup(func() { cancel(); <-f.done })
	return f
}

// publish repeats one publish until it is acknowledged. Another message in its place is an error.
func (f *flow) publish(ctx context.Context, log *stream.Log, name string) error {
	key := component.Key{Cluster: "flow", Namespace: "components", Name: name}
	f.mu.Lock()
	earlier := f.acked[key]
	f.mu.Unlock()
	var expected uint64
	if len(earlier) > 0 {
		expected = earlier[len(earlier)-1]
	}
	e := event.Upserted(key, component.Observation{UID: name, ResourceVersion: "1", Seen: time.Now(), Component: &component.Component{
		Namespace: key.Namespace, Name: name, Metadata: component.Metadata{Version: strconv.Itoa(len(earlier) + 1)},
	}})
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		sequence, err := log.Publish(attempt, e, expected)
		cancel()
		if err == nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.acked[key] = append(earlier, sequence)
			return nil
		}
		if _, superseded := stream.Superseded(err); superseded || ctx.Err() != nil {
			return fmt.Errorf("after %d: %w", expected, err)
		}
		_ = procs.Pause(ctx, 50*time.Millisecond) // the next attempt ends
	}
}

func (f *flow) count() (messages int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, sequences := range f.acked {
		messages += len(sequences)
	}
	return messages, f.err
}

// advances waits until messages were acknowledged that were published after the call.
func (f *flow) advances(t *testing.T) {
	t.Helper()
	before, err := f.count()
	must(t, err)
	testwait.NoErrorWithin(t, patience, "messages flow", func() error {
		now, err := f.count()
		if err == nil && now < before+2*flowing {
			err = fmt.Errorf("%d messages after %d", now, before)
		}
		return err
	})
}

// versions returns the versions of the registry's components by name.
func versions(t *testing.T, registryURL string) (map[string]string, error) {
	t.Helper()
	text, err := get(t, registryURL+"/components/?limit=1000")
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Name   string `json:"name"`
		Labels []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"labels"`
	}
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, row := range rows {
		for _, label := range row.Labels {
			if label.Key == "component-version" {
				all[row.Name] = label.Value
			}
		}
	}
	return all, nil
}

// TestNATS_RollingChanges replaces the certificate of three servers and restarts them one by one, while a watcher, two syncers and
// a publisher work. Every acknowledged message is in the stream, at its sequence and once, and the registry has the newest states.
func TestNATS_RollingChanges(t *testing.T) {
	all := render(t, chart(), set("nats.replicas=3", "nats.auth.secret=passwords", "nats.tls.serverSecret=tls", "nats.tls.caSecret=ca",
		"stream.history=10000")...)
	s := startSecured(t, all)
	_, registryURL, err := s.group.Registry(within(t), "registry", 0)
	must(t, err)
	here := map[string]string{"NATS_URL": s.urls, "NATS_TLS_CA": s.file("ca.crt"), "COMPONENT_REGISTRY_URL": registryURL, "MONITORING_HOST": "127.0.0.1",
		"MONITORING_PORT": "0", "KUBERNETES_IN_CLUSTER": "false", "KUBECONFIG": shared.Kubeconfig}
	var processes []*procs.Process
	for name, program := range map[string]string{"watcher": "watcher", "syncer-1": "syncer", "syncer-2": "syncer"} {
		env := environment(t, all, "Deployment odasync-"+program, maps.Clone(here))
		processes = append(processes, start(t, s.group, procs.Spec{Name: name, Program: program, Env: env}))
	}
	for _, process := range processes {
		must(t, process.AwaitReady(within(t)))
	}
	s.complete(t)
	conn, err := natsconn.Dial(t.Context(), natsconn.Config{URL: s.urls, User: "watcher", Password: config.Fixed("passwords-watcher"), TLSCA: s.file("ca.crt")},
		"odasync-watcher", func(err error) { t.Error(err) })
	must(t, err)
	t.Cleanup(conn.Close)
	log, err := stream.OpenLog(within(t), conn)
	must(t, err)
	f := startFlow(t, log)
	t.Cleanup(func() {
		if err := shared.Delete(context.Background(), cluster.Component("components", "rolled", "1")); err != nil {
			t.Error(err)
		}
	})
	phase := 0
	// flows shows that the whole path works: from the cluster, and from the publisher.
	flows := func() {
		t.Helper()
		phase++
		must(t, shared.Apply(t.Context(), cluster.Component("components", "rolled", strconv.Itoa(phase))))
		f.advances(t)
		testwait.NoErrorWithin(t, patience, "a change of the cluster is in the registry", func() error {
			have, err := versions(t, registryURL)
			if err == nil && have["rolled"] != strconv.Itoa(phase) {
				err = fmt.Errorf("the registry has version %q, want %d", have["rolled"], phase)
			}
			return err
		})
	}
	flows()

	// The certificate. Open connections stay.
	reconnects := conn.NATS().Stats().Reconnects
	for _, server := range s.servers {
		must(t, s.presents(server, "first"))
	}
	s.install(t, "second")
	for _, server := range s.servers {
		s.signal(t, server, "reload")
		testwait.NoErrorWithin(t, patience, server.name+" has the new certificate", func() error { return s.presents(server, "second") })
		if err := s.presents(server, "first"); err == nil {
			t.Errorf("%s still has the old certificate", server.name)
		}
	}
	flows()
	same(t, "reconnects of the publisher", conn.NATS().Stats().Reconnects, reconnects)

	// The restarts: the first as Kubernetes does, with the preStop hook, the second by a signal alone, the third killed.
	for number, stop := range []func(server natsServer){
		func(server natsServer) {
			s.signal(t, server, "ldm")
			must(t, server.process.Stop())
		},
		func(server natsServer) { must(t, server.process.Stop()) },
		func(server natsServer) { server.process.Kill() },
	} {
		stop(s.servers[number])
		flows()
		s.servers[number].process = start(t, s.group, s.servers[number].process.Spec)
		s.complete(t)
		flows()
	}

	f.stop()
	<-f.done
	total, err := f.count()
	must(t, err)
	t.Logf("%d messages were acknowledged", total)
	kept(t, conn, f)
	testwait.NoErrorWithin(t, patience, "the registry has the newest states", func() error {
		have, err := versions(t, registryURL)
		for key, sequences := range f.acked {
			if err == nil && have[key.Name] != strconv.Itoa(len(sequences)) {
				err = fmt.Errorf("the registry has version %q of %s, want %d", have[key.Name], key.Name, len(sequences))
			}
		}
		return err
	})
}

// kept checks that the stream has each acknowledged message at its sequence, and no other message of the publisher.
func kept(t *testing.T, conn *natsconn.Conn, f *flow) {
	t.Helper()
	log, err := stream.OpenLog(within(t), conn)
	must(t, err)
	stored := map[component.Key][]uint64{}
	must(t, log.History(within(t), event.ClusterSubjects("flow"), time.Time{}, func(e event.Event, err error) {
		must(t, err)
		stored[e.Key] = append(stored[e.Key], e.Sequence)
		if want := strconv.Itoa(len(stored[e.Key])); e.Component.Metadata.Version != want {
			t.Errorf("message %d of %s has version %s, want %s", e.Sequence, e.Key, e.Component.Metadata.Version, want)
		}
	}))
	same(t, "messages in the stream", fmt.Sprint(stored), fmt.Sprint(f.acked))
}

// TestNATS_StrangeServers tries to join the cluster without the password of the routes, and without a certificate of its
// authority.
func TestNATS_StrangeServers(t *testing.T) {
	all := render(t, chart(), set("nats.replicas=3", "nats.auth.secret=passwords", "nats.tls.serverSecret=tls", "nats.tls.caSecret=ca")...)
	s := startSecured(t, all)
	text, err := os.ReadFile(filepath.Join(s.group.Dir, s.servers[2].name+".conf"))
	must(t, err)
	spec := s.servers[2].process.Spec
	must(t, s.servers[2].process.Stop())
	for name, test := range map[string]struct {
		password, certificate string
		says                  string
	}{
		"password":    {"wrong", "tls", "uthorization"},
		"certificate": {"passwords-route", "foreign", "TLS"},
	} {
		t.Run("when the "+name+" is wrong", func(t *testing.T) {
			strange := spec.With(map[string]string{"POD_NAME": "strange", "ODASYNC_ROUTE_PASSWORD": test.password})
			for variable, value := range strange.Env {
				strange.Env[variable] = strings.ReplaceAll(value, "route:passwords-route@", "route:"+test.password+"@")
			}
			file := filepath.Join(s.group.Dir, "strange.conf")
			own := strings.ReplaceAll(string(text), s.file("tls."), s.file(test.certificate+"."))
			must(t, os.WriteFile(file, []byte(own), 0o600))
			strange.Name, strange.Args = "strange-"+name, slices.Concat([]string{"-c", file}, spec.Args[2:])
			process := start(t, s.group, strange)
			_, err := process.Await(within(t), test.says)
			must(t, err)
			for _, server := range s.servers[:2] {
				names, err := routes(t, server)
				must(t, err)
				if names["strange"] {
					t.Errorf("%s has a route to the strange server: %v", server.name, names)
				}
			}
			must(t, process.Stop())
		})
	}
	// The same with the right ones joins, so nothing else was the reason.
	s.servers[2].process = start(t, s.group, spec)
	for _, server := range s.servers[:2] {
		testwait.NoErrorWithin(t, patience, server.name+" has both routes", func() error {
			names, err := routes(t, server)
			if err == nil && !names[s.servers[2].name] {
				err = errors.New("the third is missing")
			}
			return err
		})
	}
}
