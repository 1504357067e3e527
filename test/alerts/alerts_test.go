package alerts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"odasync/test/procs"
)

var root = filepath.Join("..", "..")

// rule is an alert as it stands in the file.
type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule
		}
	}
	read(t, filepath.Join(root, "deploy", "chart", "files", "alerts.yaml"), &file)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" { // the others are recorded
				all = append(all, rule)
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("there is no alert")
	}
	return all
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestEveryAlertIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Name     string
			Promtool []struct {
				Expr    string
				Samples []any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	read(t, "cases.yaml", &file)
	fires, silent := map[string]bool{}, map[string]bool{}
	asked := regexp.MustCompile(`ALERTS\{alertname="(\w+)", alertstate="firing"\}`)
	for _, test := range file.Tests {
		if len(test.Promtool) != 1 {
			t.Errorf("%s: %d questions, want one", test.Name, len(test.Promtool))
			continue
		}
		found := asked.FindStringSubmatch(test.Promtool[0].Expr)
		if found == nil || !strings.HasPrefix(test.Name, found[1]+" ") {
			t.Errorf("%s: asks %s", test.Name, test.Promtool[0].Expr)
			continue
		}
		if len(test.Promtool[0].Samples) > 0 {
			fires[found[1]] = true
		} else {
			silent[found[1]] = true
		}
	}
	for _, rule := range rules(t) {
		if !fires[rule.Alert] || !silent[rule.Alert] {
			t.Errorf("%s: a case that fires: %t, one that does not: %t", rule.Alert, fires[rule.Alert], silent[rule.Alert])
		}
	}
}

// heading begins what a runbook says of an alert.
var heading = regexp.MustCompile(`(?m)^## (Odasync\w+)$`)

func TestEveryAlertHasARunbook(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "alerts-*.md"))
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]string{} // the alert's runbook_url
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		sections := heading.FindAllStringSubmatchIndex(string(text), -1)
		for i, at := range sections {
			end := len(text)
			if i+1 < len(sections) {
				end = sections[i+1][0]
			}
			alert, section := string(text[at[2]:at[3]]), string(text[at[1]:end])
			for _, part := range []string{"**What it means.**", "**What to look at.**", "**What to do.**", "\n    "} {
				if !strings.Contains(section, part) {
					t.Errorf("%s: %s has no %q", page, alert, part)
				}
			}
			explained[alert] = "docs/runbooks/" + filepath.Base(page) + "#" + strings.ToLower(alert)
		}
	}
	for _, rule := range rules(t) {
		if got, want := rule.Annotations["runbook_url"], explained[rule.Alert]; want == "" || got != want {
			t.Errorf("%s: its runbook_url is %q, its runbook %q", rule.Alert, got, want)
		}
		delete(explained, rule.Alert)
		if severity := rule.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, severity) {
			t.Errorf("%s: its severity is %q", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" {
			t.Errorf("%s has no summary", rule.Alert)
		}
		if number := regexp.MustCompile(`\{\{ \$value|minutes`); !number.MatchString(rule.Annotations["description"]) {
			t.Errorf("%s: no number in %q", rule.Alert, rule.Annotations["description"])
		}
	}
	for alert := range explained {
		t.Errorf("there is a runbook for %s, and no such alert", alert)
	}
}

// TestCommandsOfRunbooks asks ctl whether it knows each command and flag that the pages print.
func TestCommandsOfRunbooks(t *testing.T) {
	bin, err := procs.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "runbooks", "alerts-*.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]bool{}
	printed := regexp.MustCompile(`(?m)^    kubectl .* -- ctl (.*)$`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range printed.FindAllStringSubmatch(string(text), -1) {
			commands[found[1]] = true
		}
	}
	if len(commands) == 0 {
		t.Fatal("the pages print no command of ctl")
	}
	for command := range commands {
		var path, flags []string
		for _, word := range strings.Fields(command) {
			switch {
			case strings.HasPrefix(word, "-"):
				flags = append(flags, word)
			case len(flags) == 0 && word == strings.ToLower(word): // not a flag's value, not a name
				path = append(path, word)
			}
		}
		help, err := exec.CommandContext(t.Context(), filepath.Join(bin, "ctl"), append(path, "--help")...).CombinedOutput()
		if err != nil || !strings.Contains(string(help), "ctl "+strings.Join(path, " ")+" ") {
			t.Errorf("ctl %s: %v\n%s", command, err, help)
		}
		for _, flag := range flags {
			if !regexp.MustCompile(`(?m)` + regexp.QuoteMeta(flag) + `\b`).Match(help) {
				t.Errorf("ctl %s: no flag %s:\n%s", command, flag, help)
			}
		}
	}
}
