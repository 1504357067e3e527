package manifests_test

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"odasync/internal/component"
	"odasync/internal/manifests"
	"odasync/internal/testcheck"
)

const (
	configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n"
	jsonOne   = `{"apiVersion":"oda.tmforum.org/v1beta3","kind":"Component","metadata":{"name":"one"},"spec":{"version":"1"}}`
)

func TestSource_ReadsFiles(t *testing.T) {
	one := map[string]string{"default/one": "1"}
	both := map[string]string{"default/one": "1", "default/two": "2"}
	for name, c := range map[string]struct {
		file, content string
		want          map[string]string
	}{
		"YAML":                          {"a.yaml", manifest("one", "1"), one},
		"short extension":               {"a.yml", manifest("one", "1"), one},
		"upper case extension":          {"A.YAML", manifest("one", "1"), one},
		"JSON":                          {"a.json", jsonOne, one},
		"JSON over lines with tabs":     {"a.json", strings.ReplaceAll(jsonOne, `,`, ",\n\t"), one},
		"JSON in a YAML file":           {"a.yaml", jsonOne + "\n---\n" + manifest("two", "2"), both},
		"flow YAML with a comment":      {"a.yaml", "# a flow mapping\n" + strings.NewReplacer(`"`, "", ":", ": ").Replace(jsonOne) + "\n", one},
		"byte order mark":               {"a.json", "\ufeff" + jsonOne, one},
		"surrogates in JSON":            {"a.json", strings.Replace(jsonOne, `"1"`, `"\ud83d\ude00"`, 1), map[string]string{"default/one": "😀"}},
		"windows line ends":             {"a.yaml", strings.ReplaceAll(manifest("one", "1")+"---\n"+manifest("two", "2"), "\n", "\r\n"), both},
		"no line end at the end":        {"a.yaml", strings.TrimSpace(manifest("one", "1")), one},
		"several documents":             {"a.yaml", manifest("one", "1") + "---\n" + manifest("two", "2"), both},
		"a document after an end mark":  {"a.yaml", manifest("one", "1") + "... # end\n" + manifest("two", "2"), both},
		"end mark and start mark":       {"a.yaml", "---\n" + manifest("one", "1") + "...\n--- # next\n" + manifest("two", "2"), both},
		"a document on the mark's line": {"a.yaml", manifest("two", "2") + "--- " + jsonOne + "\n", both},
		"empty documents":               {"a.yaml", "---\n---\n# nothing\n---\n" + manifest("one", "1") + "---\n\n---\nnull\n", one},
		"marks within a text": {
			"a.yaml", strings.Replace(manifest("one", "1"), `"1"`, "|\n    ---\n    ...\n    ---", 1),
			map[string]string{"default/one": "---\n...\n---\n"},
		},
		"List":               {"a.json", `{"apiVersion":"v1","kind":"List","items":[` + jsonOne + `,{"apiVersion":"v1","kind":"Secret"}]}`, one},
		"List within a List": {"a.json", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"List","items":[` + jsonOne + `]}]}`, one},
		"ComponentList whose items leave out the kind": {
			"a.yaml", "apiVersion: oda.tmforum.org/v1beta4\nkind: ComponentList\nitems:\n- metadata: {name: one}\n  spec: {version: '1'}\n", one,
		},
		"empty List":               {"a.yaml", "apiVersion: v1\nkind: List\nitems: []\n", map[string]string{}},
		"any version of the group": {"a.yaml", strings.Replace(manifest("one", "1"), "/v1", "/v9alpha7", 1), one},
		"other kinds":              {"a.yaml", configMap + "---\n" + manifest("one", "1") + "---\napiVersion: oda.tmforum.org/v1\nkind: ExposedAPI\n", one},
		"a Component of another group": {
			"a.yaml", strings.Replace(manifest("one", "1"), "oda.tmforum.org", "example.org", 1), map[string]string{},
		},
		"values that are no manifest": {"values.yaml", "replicas: 3\nimage: {tag: latest}\n", map[string]string{}},
		"only comments":               {"a.yaml", "# " + strings.ReplaceAll(manifest("one", "1"), "\n", "\n# "), map[string]string{}},
		"namespace":                   {"a.yaml", strings.Replace(manifest("one", "1"), "name:", "namespace: odacompns-a\n  name:", 1), map[string]string{"odacompns-a/one": "1"}},
		"empty namespace":             {"a.yaml", strings.Replace(manifest("one", "1"), "name:", "namespace: ''\n  name:", 1), one},
		"namespace out of scope":      {"a.yaml", strings.Replace(manifest("one", "1"), "name:", "namespace: elsewhere\n  name:", 1), map[string]string{}},
		"a dump has its uid dropped":  {"a.yaml", strings.Replace(manifest("one", "1"), "name:", "uid: abc\n  resourceVersion: '7'\n  name:", 1), one},
		"a malformed Component exists": {
			"a.yaml", "apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata: {name: one}\n",
			map[string]string{"default/one": "! spec: is missing"},
		},
		"an integer of 64 bits":  {"a.yaml", strings.Replace(manifest("one", "1"), `"1"`, "9007199254740993", 1), map[string]string{"default/one": "9007199254740993"}},
		"the same in JSON":       {"a.json", strings.Replace(jsonOne, `"1"`, "-9223372036854775808", 1), map[string]string{"default/one": "-9223372036854775808"}},
		"a time stays a text":    {"a.yaml", strings.Replace(manifest("one", "1"), `"1"`, "2024-09-17T00:00:00.000Z", 1), map[string]string{"default/one": "2024-09-17T00:00:00.000Z"}},
		"a subfolder":            {"below/deeper/a.yaml", manifest("one", "1"), one},
		"hidden file":            {".a.yaml", manifest("one", "1"), map[string]string{}},
		"hidden folder":          {".git/a.yaml", manifest("one", "1"), map[string]string{}},
		"backup":                 {"a.yaml~", manifest("one", "1"), map[string]string{}},
		"swap file":              {"a.yaml.swp", manifest("one", "1"), map[string]string{}},
		"temporary file":         {"a.yaml.tmp", manifest("one", "1"), map[string]string{}},
		"auto-save":              {"#a.yaml#", manifest("one", "1"), map[string]string{}},
		"auto-save of a subtree": {"#old/a.yaml", manifest("one", "1"), map[string]string{}},
		"another extension":      {"a.txt", manifest("one", "1"), map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, map[string]string{c.file: c.content})
			f.awaitResync(t)
			state, _, _ := f.now()
			testcheck.Equal(t, "observed", c.want, state)
		})
	}
}

func TestSource_ReportsUnreadableFiles(t *testing.T) {
	lines := strings.Repeat("# a line\n", 7)
	for name, c := range map[string]struct{ file, content, want string }{
		"no YAML":                {"bad.yaml", lines + "spec: [\n", "yaml: line 8"},
		"a tab":                  {"bad.yaml", lines + "a: b\n\tc: d\n", "line 9"},
		"no YAML further down":   {"bad.yaml", manifest("x", "1") + "---\n" + manifest("z", "1") + "---\n" + lines + "a: b\n c: d\n", "document at line 14: yaml: line 23"},
		"a field there twice":    {"bad.yaml", manifest("x", "1") + "---\n" + lines + "a: 1\na: 2\n", `line 16: key "a" already set in map`},
		"the same in JSON":       {"bad.json", "\n\n" + `{"a":1,"a":2}`, `duplicate field "a"`},
		"half of a JSON file":    {"bad.json", "{\n\"a\": 1,\n\"b\":", "line 3"},
		"empty":                  {"bad.yaml", "", "empty"},
		"only white space":       {"bad.json", " \n\n", "empty"},
		"not UTF-8":              {"bad.yaml", "\xff\xfea\x00:\x00", "not UTF-8"},
		"a word":                 {"bad.yaml", "apiVersi", "must be an object"},
		"a list":                 {"bad.json", "[" + jsonOne + "]", "must be an object"},
		"an item that is a word": {"bad.yaml", "apiVersion: v1\nkind: List\nitems: [one]\n", "document at line 1: item 1: it must be an object"},
		"no kind yet":            {"bad.yaml", "apiVersion: oda.tmforum.org/v1\n", "only one of apiVersion and kind"},
		"no name":                {"bad.yaml", "apiVersion: oda.tmforum.org/v1\nkind: Component\n", "metadata.name: is missing"},
		"no name in a List":      {"bad.json", `{"apiVersion":"v1","kind":"List","items":[` + jsonOne + `,` + strings.Replace(jsonOne, "name", "nam", 1) + `]}`, "item 2: metadata.name: is missing"},
		"an impossible name":     {"bad.yaml", manifest("'*/x'", "1"), `would reject "*/x" in namespace "default"`},
		"too large":              {"bad.yaml", manifest("x", "1") + "#" + strings.Repeat("x", 10_000_000), "10000"},
		"excessive aliases":      {"bad.yaml", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "aliasing"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, map[string]string{c.file: c.content, "good.yaml": manifest("good", "1")})
			f.awaitUnreadable(t, []string{c.file}, c.want)
			f.awaitLog(t, "manifest cannot be read", f.path(c.file), c.want)
			f.wait(t, map[string]string{"default/good": "1"})
			f.awaitResync(t)
			f.write(t, map[string]string{"good.yaml": manifest("good", "2"), "more.yaml": manifest("more", "1")})
			f.wait(t, map[string]string{"default/good": "2", "default/more": "1"})
			f.write(t, map[string]string{c.file: jsonOne})
			f.awaitUnreadable(t, nil)
			f.wait(t, map[string]string{"default/good": "2", "default/more": "1", "default/one": "1"})
			if counted := f.malformed(t); counted != 1 {
				t.Errorf("counted %g times, want once", counted)
			}
			if logged := f.logs.with(t, "manifest cannot be read"); len(logged) != 1 {
				t.Errorf("logged %d times: %s", len(logged), logged)
			}
		})
	}
}

func TestSource_ReadsTheConfiguredGroup(t *testing.T) {
	scope := testcheck.Must(component.ParseScope("all"))
	source := manifests.New("none", "oda.example.org", scope, manifests.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	content := manifest("other", "1") + "---\n" + strings.Replace(manifest("ours", "1"), group, "oda.example.org", 1)
	seen, err := manifests.ParseFile(source, "a.yaml", []byte(content))
	if err != nil || len(seen) != 1 || seen[0].Name != "ours" {
		t.Errorf("read %+v, %v, want the Component of the group oda.example.org alone", seen, err)
	}
}

// FuzzParse reads any content, which gives Components or an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "---", "--- a\n...\n", manifest("one", "1") + "---\n" + manifest("two", "2"), jsonOne, "[", "{", "a: &a [*a]", "%YAML 1.1\n---\n",
		"apiVersion: oda.tmforum.org/v1\nkind: Component\nmetadata: 7\n", "kind: List\nitems: {}\n", "? {a: b}\n: c\n", "a: .nan\n", "a: !!binary x\n",
	} {
		f.Add([]byte(seed))
	}
	scope, err := component.ParseScope("all")
	testcheck.NoError(f, err)
	source := manifests.New("none", group, scope, manifests.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
	f.Fuzz(func(t *testing.T, content []byte) {
		seen, err := manifests.ParseFile(source, "a.yaml", content)
		if err != nil && len(seen) > 0 {
			t.Errorf("an error and %d Components", len(seen))
		}
		for _, s := range seen {
			if s.Name == "" || s.Namespace == "" || (s.Err == nil) != (s.Component != nil) {
				t.Errorf("no observation: %+v", s)
			}
			testcheck.ErrorIs(t, "observe", nil, newObserver().Observe(context.Background(), 0, s))
		}
	})
}
