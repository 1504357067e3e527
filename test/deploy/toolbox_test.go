package deploy

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"odasync/internal/testwait"
	"odasync/test/cluster"
	"odasync/test/procs"
)

// TestToolbox_Runbooks runs every ctl command of the runbooks of alerts, of docs/install-kubernetes.md and of helm test with the
// variables, the files and the rights of the toolbox, while NATS requires passwords. Only addresses are replaced.
func TestToolbox_Runbooks(t *testing.T) {
	all := render(t, chart(), set("toolbox.enabled=true", "nats.auth.secret=passwords", "registry.apiKey.secret=registry")...)
	newServer(t).install(t, all)
	component := cluster.Component("components", "shown", "1")
	must(t, shared.Apply(t.Context(), component))
	t.Cleanup(func() {
		if err := shared.Delete(context.Background(), component); err != nil {
			t.Error(err)
		}
	})
	group := procs.ForTest(t)
	servers := startNATS(t, group, t.TempDir(), all)
	_, registryURL, err := group.Registry(within(t), "registry", 0)
	must(t, err)
	here := map[string]string{
		"NATS_URL": servers[0].url, "COMPONENT_REGISTRY_URL": registryURL, "MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": "0",
		"KUBERNETES_IN_CLUSTER": "false", "KUBECONFIG": shared.WatcherKubeconfig,
	}
	for _, process := range []string{"watcher", "syncer"} {
		p := start(t, group, procs.Spec{Name: process, Program: process, Env: environment(t, all, "Deployment odasync-"+process, here)})
		must(t, p.AwaitReady(within(t)))
	}
	env := environment(t, all, "Deployment odasync-toolbox", here)
	ctl := func(arguments ...string) (code int, output string) {
		t.Helper()
		p := start(t, group, procs.Spec{Name: "ctl", Program: "ctl", Args: arguments, Env: env})
		code, err := p.Wait(within(t))
		must(t, err)
		return code, p.Tail(100)
	}
	testwait.NoErrorWithin(t, patience, "the Component is in sync", func() error {
		if code, output := ctl("diff"); code != 0 {
			return fmt.Errorf("ctl diff: exit code %d: %s", code, output)
		}
		return nil
	})

	test := all.field(t, "Pod odasync-toolbox-test", "spec.containers.0.args").([]any)
	if code, output := ctl(test[0].(string)); code != 0 {
		t.Errorf("helm test: exit code %d:\n%s", code, output)
	}
	// Commands about what does not exist here fail, and say so.
	missing := map[string]string{"approve ID": "ID", "dlq show NAME": "shown"}
	commands := toolboxCommands(t)
	if len(commands) < 10 {
		t.Errorf("only %d commands are printed: %q", len(commands), commands)
	}
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			arguments := strings.Fields(strings.ReplaceAll(command, "NAME", "shown"))
			if slices.Contains(arguments, "--follow") {
				arguments = append(arguments, "--timeout", "2s")
			}
			code, output := ctl(arguments...)
			if says := missing[command]; says != "" {
				if code == 0 || !strings.Contains(output, says) {
					t.Errorf("exit code %d:\n%s", code, output)
				}
			} else if code != 0 {
				t.Errorf("exit code %d:\n%s", code, output)
			}
			for _, trouble := range []string{"permission", "credential", "not connected", "refused"} {
				if arguments[0] != "test" && strings.Contains(strings.ToLower(output), trouble) {
					t.Errorf("%q in\n%s", trouble, output)
				}
			}
		})
	}
}

// toolboxCommands are the arguments of ctl in every printed command that runs it in the toolbox, each once.
func toolboxCommands(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "*.md"))
	must(t, err)
	found := map[string]bool{}
	for _, page := range append(pages, filepath.Join(root, "docs", "install-kubernetes.md")) {
		for _, command := range printed(t, page) {
			if _, arguments, ok := strings.Cut(command, "exec deployment/odasync-toolbox -- ctl "); ok {
				found[arguments] = true
			}
			if strings.Contains(command, "exec deployment/odasync-watcher") {
				t.Errorf("%s: not in the toolbox: %s", page, command)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// environment returns the variables of a Deployment's container with files for those that name one from a Secret: the content is the
// Secret's name and the key, with a hyphen between them. here replaces variables that the process has.
func environment(t *testing.T, all objects, id string, here map[string]string) map[string]string {
	t.Helper()
	env, folder := all.env(t, id), t.TempDir()
	maps.Copy(env, map[string]string{"MONITORING_HOST": here["MONITORING_HOST"]})
	for name, value := range here {
		if _, has := env[name]; has || name == "KUBECONFIG" {
			env[name] = value
		}
	}
	pod := all.pod(t, id).Spec
	for _, volume := range pod.Volumes {
		for _, mount := range pod.Containers[0].VolumeMounts {
			if volume.Secret == nil || mount.Name != volume.Name {
				continue
			}
			for _, item := range volume.Secret.Items {
				file := filepath.Join(folder, mount.MountPath, item.Path)
				must(t, os.MkdirAll(filepath.Dir(file), 0o700))
				must(t, os.WriteFile(file, []byte(volume.Secret.SecretName+"-"+item.Key+"\n"), 0o600))
				for name, value := range env {
					if value == mount.MountPath+"/"+item.Path {
						env[name] = file
					}
				}
			}
		}
	}
	return env
}
