package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

func TestDashboards_Current(t *testing.T) {
	folder := filepath.Join("..", "..", "deploy", "chart", "files", "dashboards")
	entries := testcheck.Must(os.ReadDir(folder))
	want := files()
	for _, entry := range entries {
		got := testcheck.Must(os.ReadFile(filepath.Join(folder, entry.Name())))
		testcheck.Equal(t, fmt.Sprintf("%s is out of date: run `make dashboards`", entry.Name()), string(want[entry.Name()]), string(got))
		delete(want, entry.Name())
	}
	for name := range want {
		t.Errorf("%s is missing: run `make dashboards`", name)
	}
}

// TestDashboards_PanelsExplained checks titles, descriptions, units and legends, and the variables in every query.
func TestDashboards_PanelsExplained(t *testing.T) {
	for _, b := range []board{overview(), watchers(), syncers()} {
		for _, r := range b.rows {
			if len(r.panels) == 0 || 24%len(r.panels) != 0 {
				t.Errorf("%s: %s: %d panels do not fill a row", b.name, r.title, len(r.panels))
			}
			for _, p := range r.panels {
				if p.title == "" || p.about == "" || p.unit == "" || len(p.queries) == 0 {
					t.Errorf("%s: %s: %q is incomplete", b.name, r.title, p.title)
				}
				for _, q := range p.queries {
					if !p.stat && q.legend == "" {
						t.Errorf("%s: %s: %s has no legend", b.name, p.title, q.expr)
					}
					if !strings.Contains(q.expr, "$namespace") && !strings.Contains(q.expr, "ALERTS") {
						t.Errorf("%s: %s: %s ignores the variables", b.name, p.title, q.expr)
					}
				}
			}
		}
	}
}

// TestDashboards_CoverEveryMetric compares the dashboards with the table in docs/observability.md.
func TestDashboards_CoverEveryMetric(t *testing.T) {
	text := testcheck.Must(os.ReadFile(filepath.Join("..", "..", "docs", "observability.md")))
	rows := regexp.MustCompile("(?m)^\\| `(oda[a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1)
	if len(rows) == 0 {
		t.Fatal("docs/observability.md has no table of metrics")
	}
	var all strings.Builder
	for _, text := range files() {
		all.Write(text)
	}
	for _, row := range rows {
		if !strings.Contains(all.String(), row[1]) {
			t.Errorf("no dashboard shows %s", row[1])
		}
	}
}
