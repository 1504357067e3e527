package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"odasync/internal/testwait"
	"odasync/test/cluster"
	"odasync/test/procs"
)

// natsServer is one server of the StatefulSet, on loopback.
type natsServer struct {
	name, url, monitoring string
	route                 string // host:port of its routes
	process               *procs.Process
}

// startNATS runs the StatefulSet's servers with the ConfigMap's configuration. Only the ports, the data folder
// and the addresses of the routes differ on one machine. A variable from a Secret has the Secret's name and the
// key for a value, with a hyphen between them.
func startNATS(t *testing.T, group *procs.Group, data string, all objects) []natsServer {
	t.Helper()
	const id = "StatefulSet odasync-nats"
	count := int(all.field(t, id, "spec.replicas").(float64))
	files := all.field(t, "ConfigMap odasync-nats", "data").(map[string]any)
	config := files["nats.conf"].(string)
	if accounts, has := files["accounts.conf"]; has {
		must(t, os.WriteFile(filepath.Join(group.Dir, "accounts.conf"), []byte(accounts.(string)), 0o600))
	}
	env := map[string]string{}
	for _, variable := range all.pod(t, id).Spec.Containers[0].Env {
		switch from := variable.ValueFrom; {
		case from == nil: // with references to those before it
			env[variable.Name] = os.Expand(strings.ReplaceAll(strings.ReplaceAll(variable.Value, "$(", "${"), ")", "}"), func(name string) string { return env[name] })
		case from.SecretKeyRef != nil:
			env[variable.Name] = from.SecretKeyRef.Name + "-" + from.SecretKeyRef.Key
		}
	}
	routes := make([]int, count)
	for number := range routes {
		var err error
		routes[number], err = procs.FreePort()
		must(t, err)
		if name := fmt.Sprintf("odasync-nats-%d.odasync-nats-headless.canvas.svc:6222", number); count > 1 {
			here := "127.0.0.1:" + strconv.Itoa(routes[number])
			variable := fmt.Sprintf("ODASYNC_ROUTE_%d", number)
			if !strings.Contains(config+env[variable], name) {
				t.Fatalf("no route to %s in\n%s", name, config)
			}
			config = strings.ReplaceAll(config, name, here)
			if env[variable] != "" {
				env[variable] = strings.ReplaceAll(env[variable], name, here)
			}
		}
	}
	servers := make([]natsServer, count)
	for number := range servers {
		name := fmt.Sprintf("odasync-nats-%d", number)
		file := filepath.Join(group.Dir, name+".conf")
		own := strings.ReplaceAll(config, "port: 6222", "listen: 127.0.0.1:"+strconv.Itoa(routes[number]))
		if !strings.Contains(own, "store_dir: /data/") {
			t.Fatalf("the data is not on the volume:\n%s", own)
		}
		own = strings.ReplaceAll(own, "store_dir: /data/", "store_dir: "+filepath.Join(data, name)+"/")
		own = strings.ReplaceAll(own, "/etc/nats-tls/", filepath.Join(group.Dir, "nats-tls")+"/")
		own = strings.ReplaceAll(own, "pid_file: /var/run/nats/nats.pid", "pid_file: "+filepath.Join(group.Dir, name+".pid"))
		must(t, os.WriteFile(file, []byte(own), 0o600))
		client, err := procs.FreePort()
		must(t, err)
		monitor, err := procs.FreePort()
		must(t, err)
		spec := procs.Spec{Name: name, Program: "nats-server", Env: env,
			Args: []string{"-c", file, "-a", "127.0.0.1", "-p", strconv.Itoa(client), "-m", strconv.Itoa(monitor)}}
		process := start(t, group, spec.With(map[string]string{"POD_NAME": name}))
		servers[number] = natsServer{process: process, name: name, route: "127.0.0.1:" + strconv.Itoa(routes[number]), url: fmt.Sprintf("nats://127.0.0.1:%d", client), monitoring: fmt.Sprintf("http://127.0.0.1:%d", monitor)}
	}
	for _, server := range servers {
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			path := all.field(t, id, "spec.template.spec.containers.0."+probe+".httpGet.path").(string)
			testwait.NoErrorWithin(t, patience, server.name+" answers its "+probe, func() error {
				_, err := get(t, server.monitoring+path)
				return err
			})
		}
		text, err := get(t, server.monitoring+"/varz")
		must(t, err)
		var about struct {
			Name string `json:"server_name"`
		}
		must(t, json.Unmarshal([]byte(text), &about))
		same(t, "server_name", about.Name, server.name) // the name of its Pod
	}
	return servers
}

// monitors looks for a stream of an account in the server's monitoring.
func (s natsServer) monitors(t *testing.T, account, stream string) error {
	text, err := get(t, s.monitoring+"/jsz?acc="+account+"&streams=true")
	if err != nil {
		return err
	}
	var status struct {
		Accounts []struct {
			Streams []struct {
				Name string `json:"name"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return err
	}
	for _, account := range status.Accounts {
		for _, have := range account.Streams {
			if have.Name == stream {
				return nil
			}
		}
	}
	return fmt.Errorf("no stream %s in %s", stream, text)
}

// TestNATS_FromOneServerToThree changes nats.replicas as docs/install-kubernetes.md describes: the volume of the one server is deleted,
// the cluster starts without streams, and the watcher fills a new one. Nothing of the old data takes space.
func TestNATS_FromOneServerToThree(t *testing.T) {
	component := cluster.Component("components", "moved", "1")
	must(t, shared.Apply(t.Context(), component))
	t.Cleanup(func() {
		if err := shared.Delete(context.Background(), component); err != nil {
			t.Error(err)
		}
	})
	data := t.TempDir()
	for _, stage := range []struct {
		values []string
		copies string
	}{{nil, "1"}, {[]string{"nats.replicas=3"}, "3"}} {
		group := procs.ForTest(t)
		all := render(t, chart(), set(stage.values...)...)
		servers := startNATS(t, group, data, all)
		env := all.env(t, "Deployment odasync-watcher")
		same(t, "STREAM_REPLICAS", env["STREAM_REPLICAS"], stage.copies)
		maps.Copy(env, map[string]string{"NATS_URL": servers[0].url, "MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": "0",
			"KUBERNETES_IN_CLUSTER": "false", "KUBECONFIG": shared.Kubeconfig})
		watcher := start(t, group, procs.Spec{Name: "watcher-" + stage.copies, Program: "watcher", Env: env})
		testwait.NoErrorWithin(t, patience, "the Component is published", func() error {
			published, err := watcher.Metric(within(t), "oda_collector_components_current")
			if err == nil && published != 1 {
				err = fmt.Errorf("%v published", published)
			}
			return err
		})
		for _, server := range servers {
			testwait.NoErrorWithin(t, patience, server.name+" has a copy of the stream", func() error {
				return server.monitors(t, "$G", "ODA_COMPONENTS")
			})
		}
		must(t, group.Stop())
		if stage.copies == "1" {
			must(t, os.RemoveAll(filepath.Join(data, "odasync-nats-0"))) // kubectl delete pvc data-odasync-nats-0
		}
	}
	if old, err := filepath.Glob(filepath.Join(data, "*", "servers-1")); err != nil || len(old) > 0 {
		t.Errorf("data of the one server is still there: %v %v", old, err)
	}
}

// TestNATS_RestoreOfAVolume takes a snapshot of the server's volume while changes are published, loses the server with its data, and
// continues on the snapshot, as docs/install-kubernetes.md describes. The history of the snapshot is kept, and what the snapshot
// does not have is read from the cluster.
func TestNATS_RestoreOfAVolume(t *testing.T) {
	group, lasting := procs.ForTest(t), procs.ForTest(t)
	all := render(t, chart(), set()...)
	before, snapshot := t.TempDir(), t.TempDir()
	_, registryURL, err := lasting.Registry(within(t), "registry", 0)
	must(t, err)
	pipeline := func(t *testing.T, group *procs.Group, data string) (natsServer, func(arguments ...string) (int, string)) {
		t.Helper()
		server := startNATS(t, group, data, all)[0]
		here := map[string]string{"NATS_URL": server.url, "COMPONENT_REGISTRY_URL": registryURL, "MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": "0",
			"KUBERNETES_IN_CLUSTER": "false", "KUBECONFIG": shared.Kubeconfig}
		env := environment(t, all, "Deployment odasync-watcher", here)
		maps.Copy(env, environment(t, all, "Deployment odasync-syncer", here)) // for ctl
		for _, process := range []string{"watcher", "syncer"} {
			start(t, group, procs.Spec{Name: process, Program: process, Env: environment(t, all, "Deployment odasync-"+process, here)})
		}
		return server, func(arguments ...string) (int, string) {
			p := start(t, group, procs.Spec{Name: "ctl", Program: "ctl", Args: arguments, Env: env})
			code, err := p.Wait(within(t))
			must(t, err)
			return code, p.Tail(100)
		}
	}
	inSync := func(t *testing.T, ctl func(...string) (int, string)) {
		t.Helper()
		testwait.NoErrorWithin(t, patience, "cluster, stream and registry are equal", func() error {
			if code, output := ctl("diff"); code != 0 {
				return fmt.Errorf("ctl diff: exit code %d: %s", code, output)
			}
			return nil
		})
	}
	change := func(name, version string) {
		t.Helper()
		must(t, shared.Apply(t.Context(), cluster.Component("components", name, version)))
	}
	for _, name := range []string{"kept", "late"} {
		t.Cleanup(func() {
			if err := shared.Delete(context.Background(), cluster.Component("components", name, "1")); err != nil {
				t.Error(err)
			}
		})
	}
	server, ctl := pipeline(t, group, before)
	change("kept", "1")
	inSync(t, ctl)
	must(t, server.process.Freeze(within(t)))
	must(t, os.CopyFS(snapshot, os.DirFS(before)))
	must(t, server.process.Thaw())
	change("kept", "2")
	change("late", "1")
	inSync(t, ctl)

	must(t, group.Stop())
	_, ctl = pipeline(t, procs.ForTest(t), snapshot)
	inSync(t, ctl)
	if code, output := ctl("events", "kept"); code != 0 || strings.Count(output, "upserted") < 2 {
		t.Errorf("the history of before the snapshot is lost: exit code %d: %s", code, output)
	}
}
