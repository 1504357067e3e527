package component

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

func TestParseScope(t *testing.T) {
	tests := []struct {
		name      string
		text      string
		want      string   // as String gives it back
		split     []string // as String gives each
		namespace string
		inside    []string
		outside   []string
	}{
		{
			name: "one namespace", text: "components",
			want: "components", split: []string{"components"}, namespace: "components",
			inside: []string{"components"}, outside: []string{"component", "components-2", ""},
		}, {
			name: "a list, unsorted and with repetitions", text: " b, a ,,b ",
			want: "a,b", split: []string{"a", "b"},
			inside: []string{"a", "b"}, outside: []string{"ab", "c"},
		}, {
			name: "a glob", text: "odacompns-*",
			want: "odacompns-*", split: []string{"odacompns-*"},
			inside: []string{"odacompns-", "odacompns-a"}, outside: []string{"odacompns", "x-odacompns-a"},
		}, {
			name: "a glob beside a namespace", text: "components,team-[ab]?",
			want: "components,team-[ab]?", split: []string{"components,team-[ab]?"},
			inside: []string{"components", "team-a1", "team-b2"}, outside: []string{"team-c1", "team-a"},
		}, {
			name: "all", text: "all",
			want: "all", split: []string{"all"},
			inside: []string{"a", "components"},
		}, {
			name: "all as a glob, beside others", text: "a,*",
			want: "all", split: []string{"all"},
			inside: []string{"a", "b"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scope, err := ParseScope(test.text)
			testcheck.NoError(t, err)
			testcheck.Equal(t, "String", test.want, scope.String())
			var split []string
			for _, part := range scope.Split() {
				split = append(split, part.String())
			}
			testcheck.Equal(t, "Split", test.split, split)
			testcheck.Equal(t, "Namespace", test.namespace, scope.Namespace())
			for _, namespace := range slices.Concat(test.inside, test.outside) {
				want := slices.Contains(test.inside, namespace)
				testcheck.Equal(t, fmt.Sprintf("Contains(%q)", namespace), want, scope.Contains(namespace))
				parts := 0
				for _, part := range scope.Split() {
					if part.Contains(namespace) {
						parts++
					}
				}
				if want != (parts == 1) || parts > 1 {
					t.Errorf("%d parts contain %q", parts, namespace)
				}
			}
			again, err := ParseScope(scope.String())
			if err != nil || again.String() != scope.String() {
				t.Errorf("%q reads back as %q, %v", scope, again, err)
			}
		})
	}
}

func TestParseScope_Errors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "no namespace named"},
		{"commas only", " , ,", "no namespace named"},
		{"a broken glob", "team-[a", `"team-[a" is neither a namespace nor a glob`},
		{"a broken glob beside all", "all,[", `"[" is neither`},
		{"a slash", "a/b", `"a/b" is neither`},
		{"names without a comma", "a b", `"a b" is neither`},
		{"upper case", "Default", `"Default" is neither`},
		{"an underscore", "my_ns", `"my_ns" is neither`},
		{"a dot", "a.b", `"a.b" is neither`},
		{"a dash at the end", "a-", `"a-" is neither`},
		{"a dash at the start", "-a", `"-a" is neither`},
		{"a name that is too long", strings.Repeat("a", 64), "is neither"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scope, err := ParseScope(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q and the error %v, want an error with %q", scope, err, test.want)
			}
		})
	}
}

func TestScope_ZeroIsEmpty(t *testing.T) {
	var scope Scope
	if scope.Contains("components") || len(scope.Split()) != 0 || scope.Namespace() != "" || scope.String() != "" {
		t.Errorf("the zero scope is %q and contains %v", scope, scope.Split())
	}
}
