package observability

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"odasync/internal/testcheck"
	"odasync/test/procs"
)

// dashboard is the tested part of a dashboard's model.
type dashboard struct {
	Title      string
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type, AllValue string
			Query                json.RawMessage
		}
	}
}

type panel struct {
	Title, Type string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ Expr, LegendFormat string }
	FieldConfig struct {
		Defaults struct {
			Unit     string
			Mappings []struct {
				Options map[string]struct{ Text string }
			}
		}
	}
}

// dashboards reads the chart's dashboards by their names.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	root := testcheck.Must(procs.Root())
	files, err := filepath.Glob(filepath.Join(root, "deploy", "chart", "files", "dashboards", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		text := testcheck.Must(os.ReadFile(file))
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = d
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// filled returns a function that replaces a dashboard's variables, as Grafana does when all values are selected.
func (d dashboard) filled(p *prometheus) (func(string) string, error) {
	values := map[string]string{"__rate_interval": "15s"}
	fill := func(text string) string {
		return variable.ReplaceAllStringFunc(text, func(name string) string {
			if value, known := values[name[1:]]; known {
				return value
			}
			return name // Prometheus rejects it
		})
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		var query struct{ Query string }
		if err := json.Unmarshal(v.Query, &query); err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Name, err)
		}
		parts := labelValues.FindStringSubmatch(fill(query.Query))
		if parts == nil {
			return nil, fmt.Errorf("variable %s: unknown query %s", v.Name, query.Query)
		}
		found, err := p.values(parts[2], parts[1])
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("variable %s: %s has the values %q: %w", v.Name, query.Query, found, err)
		}
		if values[v.Name] = v.AllValue; v.AllValue == "" {
			for i := range found {
				found[i] = regexp.QuoteMeta(found[i])
			}
			values[v.Name] = "(" + strings.Join(found, "|") + ")"
		}
	}
	return fill, nil
}

var variable = regexp.MustCompile(`\$\w+`)

// legend formats the legend of a series.
func legend(format string, labels map[string]string) string {
	return regexp.MustCompile(`\{\{(\w+)\}\}`).ReplaceAllStringFunc(format, func(name string) string {
		return labels[strings.Trim(name, "{}")]
	})
}
