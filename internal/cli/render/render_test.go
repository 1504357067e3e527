package render_test

import (
	"strings"
	"testing"

	"odasync/internal/cli/render"
)

type row struct {
	Name string `json:"name"`
	N    uint64 `json:"n"`
}

func TestValue(t *testing.T) {
	list := []row{{"catalog", 12345678}, {"a\nb\x1b[2J", 2}}
	tests := map[string]struct {
		format string
		value  any
		want   string
	}{
		"JSON":                  {"json", list[:1], "[\n  {\n    \"name\": \"catalog\",\n    \"n\": 12345678\n  }\n]\n"},
		"YAML":                  {"yaml", list[:1], "- \"n\": 12345678\n  name: catalog\n"},
		"a path without braces": {"jsonpath=[*].name", list[:1], "catalog\n"},
		"a field":               {"jsonpath=.n", list[0], "12345678\n"},
		"a bare field":          {"jsonpath=name", list[0], "catalog\n"},
		"a template":            {`jsonpath={range [*]}{.name}={.n}{"\n"}{end}`, list[:1], "catalog=12345678\n"},
		"a filter":              {`jsonpath={[?(@.n==2)].n}`, list, "2\n"},
		"hostile text":          {`jsonpath={[1].name}`, list, "a\\nb\\x1b[2J\n"},
		"a missing field":       {"jsonpath={.other}", list[0], "\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			done, err := render.Value(&out, test.format, test.value)
			if !done || err != nil || out.String() != test.want {
				t.Errorf("got %q, %v, %v; want %q", out.String(), done, err, test.want)
			}
		})
	}
	if done, err := render.Value(new(strings.Builder), "table", list); done || err != nil {
		t.Errorf("a table is no value: %v, %v", done, err)
	}
}

func TestCheck(t *testing.T) {
	formats := []string{"table", "json"}
	for _, good := range []string{"table", "json", "jsonpath={.a}", "jsonpath=.a", "jsonpath=$.a"} {
		if err := render.Check(good, formats); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, problem := range map[string]string{
		"xml":           `--output is "xml": table, json, jsonpath=TEMPLATE`,
		"jsonpath=":     "the template is empty",
		"jsonpath={.a":  "unclosed action",
		"jsonpath={a[}": `write a template such as jsonpath='{.name}'`,
	} {
		if err := render.Check(bad, formats); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v, want %s", bad, err, problem)
		}
	}
	if err := render.Check("jsonpath={.a}", []string{"table"}); err == nil {
		t.Error("a command without JSON takes a JSONPath")
	}
}

func TestStyle_Table(t *testing.T) {
	header, rows := []string{"NAME", "STATE"}, [][]string{{"äöü", "synced"}, {"failed", "failed"}, {"x\ny", "-"}}
	for name, test := range map[string]struct {
		style render.Style
		want  string
	}{
		"plain":           {render.Style{}, "NAME     STATE\näöü      synced\nfailed   failed\nx\\ny     -\n"},
		"without headers": {render.Style{NoHeaders: true}, "äöü      synced\nfailed   failed\nx\\ny     -\n"},
		"with colour":     {render.Style{Color: true}, "NAME     STATE\näöü      \x1b[32msynced\x1b[0m\nfailed   \x1b[31mfailed\x1b[0m\nx\\ny     -\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := test.style.Table(&out, header, rows); err != nil || out.String() != test.want {
				t.Errorf("got\n%s(%v), want\n%s", out.String(), err, test.want)
			}
		})
	}
}
