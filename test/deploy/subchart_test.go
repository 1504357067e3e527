package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestSubchart renders the chart as a subchart, as in the ODA Canvas umbrella chart, with global values of the parent.
func TestSubchart(t *testing.T) {
	umbrella := t.TempDir()
	if err := os.CopyFS(filepath.Join(umbrella, "charts", "odasync"), os.DirFS(chart())); err != nil {
		t.Fatal(err)
	}
	writeYAML(t, filepath.Join(umbrella, "Chart.yaml"), map[string]any{
		"apiVersion": "v2", "name": "canvas", "version": "1.0.0",
		"dependencies": []any{map[string]any{"name": "odasync", "version": "*", "condition": "odasync.enabled"}},
	})
	writeYAML(t, filepath.Join(umbrella, "values.yaml"), map[string]any{
		"global":  map[string]any{"image": map[string]any{"registry": "registry.example"}, "imagePullSecrets": []any{map[string]any{"name": "pull"}}, "other": 1},
		"odasync": map[string]any{"enabled": true, "registry": map[string]any{"url": "http://registry"}},
	})
	all := render(t, umbrella)
	image, _ := all.field(t, "Deployment odasync-watcher", "spec.template.spec.containers.0.image").(string)
	if !strings.HasPrefix(image, "registry.example/odasync:") {
		t.Errorf("the image is %q", image)
	}
	equal(t, all, "Deployment odasync-watcher", "spec.template.spec.imagePullSecrets.0.name", "pull")
	accepted(t, all)
	variables(t, all, "Deployment odasync-syncer", map[string]string{"COMPONENT_REGISTRY_URL": "http://registry"})
	// The values that docs/canvas.md prints, in which the URL is missing.
	page, err := os.ReadFile(filepath.Join(root, "docs", "canvas.md"))
	must(t, err)
	_, rest, _ := strings.Cut(string(page), "\n```yaml\nodasync:\n")
	values, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/canvas.md has no values")
	}
	must(t, os.WriteFile(filepath.Join(umbrella, "values.yaml"), []byte("odasync:\n"+values), 0o600))
	canvas := render(t, umbrella)
	accepted(t, canvas)
	variables(t, canvas, "Deployment odasync-syncer", map[string]string{"COMPONENT_REGISTRY_URL": "http://canvas-compreg.canvas.svc.cluster.local"})
	variables(t, canvas, "Deployment odasync-watcher", map[string]string{"KUBERNETES_NAMESPACE": "components,odacompns-*", "LOG_LEVEL": "INFO"})
	equal(t, canvas, "NetworkPolicy odasync-syncer", "spec.egress.2.ports.0.port", 80)
	equal(t, canvas, "StatefulSet odasync-nats", "spec.volumeClaimTemplates.0.spec.resources.requests.storage", "2Gi")
	canvas.find(t, "Deployment odasync-toolbox")
	if off := render(t, umbrella, "--set", "odasync.enabled=false"); len(off) != 0 {
		t.Errorf("disabled, it still renders %v", off.ids())
	}
}

// TestChart_Files adds a dashboard and rules as files: each becomes an object, with its braces unchanged.
func TestChart_Files(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(chart())); err != nil {
		t.Fatal(err)
	}
	const legend = `{"title": "x", "panels": [{"legendFormat": "{{ pod }}"}]}`
	if err := os.MkdirAll(filepath.Join(copied, "files", "dashboards"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "files", "dashboards", "added.json"), []byte(legend), 0o600); err != nil {
		t.Fatal(err)
	}
	all := render(t, copied, set("monitoring.dashboards.enabled=true", "monitoring.prometheusRule.enabled=true")...)
	const id = "ConfigMap odasync-dashboard-added"
	if got := all.field(t, id, "data").(map[string]any)["added.json"]; got != legend {
		t.Errorf("the dashboard became %q", got)
	}
	equal(t, all, id, "metadata.labels.grafana_dashboard", "1")
	text, err := os.ReadFile(filepath.Join(chart(), "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules map[string]any
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	groups := rules["groups"].([]any)
	rules["groups"] = groups[:len(groups)-1] // without those of NATS, which need the exporter
	same(t, "the PrometheusRule", all.field(t, "PrometheusRule odasync-alerts", "spec"), any(rules))
	accepted(t, all)
}
