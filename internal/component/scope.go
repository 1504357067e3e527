package component

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// AllNamespaces is the word that selects every namespace.
const AllNamespaces = "all"

// Scope is a set of namespaces: names, shell-style globs (as in path.Match), or all of them. The zero Scope is empty.
type Scope struct {
	all      bool
	patterns []string
}

// ParseScope reads one namespace, a comma-separated list of namespaces and globs, or "all".
func ParseScope(text string) (Scope, error) {
	var s Scope
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		switch {
		case part == "":
			continue
		case part == AllNamespaces || part == "*":
			s.all = true
		default:
			if _, err := path.Match(part, ""); err != nil || strings.Contains(part, "/") || !isGlob(part) && !isNamespace(part) {
				return Scope{}, fmt.Errorf("%q is neither a namespace nor a glob such as odacompns-*", part)
			}
			s.patterns = append(s.patterns, part)
		}
	}
	if !s.all && len(s.patterns) == 0 {
		return Scope{}, fmt.Errorf("no namespace named: give one, a comma list, globs such as odacompns-*, or %q", AllNamespaces)
	}
	if s.all {
		s.patterns = nil
	}
	slices.Sort(s.patterns)
	s.patterns = slices.Compact(s.patterns)
	return s, nil
}

// Contains says whether the namespace belongs to the scope.
func (s Scope) Contains(namespace string) bool {
	if s.all {
		return true
	}
	return slices.ContainsFunc(s.patterns, func(pattern string) bool {
		matched, _ := path.Match(pattern, namespace)
		return matched
	})
}

// Split returns the scopes to watch one by one: one a namespace where every part is a plain name, else the scope
// itself, which then needs a cluster-wide watch.
func (s Scope) Split() []Scope {
	if s.all || slices.ContainsFunc(s.patterns, isGlob) {
		return []Scope{s}
	}
	return s.Parts()
}

// Parts returns a scope for each name and glob; none where every namespace belongs to the scope.
func (s Scope) Parts() (parts []Scope) {
	for _, pattern := range s.patterns {
		parts = append(parts, Scope{patterns: []string{pattern}})
	}
	return parts
}

// Namespace returns the one plain namespace of the scope, or "" where it takes a cluster-wide request.
func (s Scope) Namespace() string {
	if !s.all && len(s.patterns) == 1 && !isGlob(s.patterns[0]) {
		return s.patterns[0]
	}
	return ""
}

// String gives the scope as it is configured.
func (s Scope) String() string {
	if s.all {
		return AllNamespaces
	}
	return strings.Join(s.patterns, ",")
}

func isGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// isNamespace says whether Kubernetes could have a namespace of that name. One that it could not have would be watched
// for ever and stay empty.
func isNamespace(name string) bool {
	illegal := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	return len(name) <= 63 && !strings.ContainsFunc(name, illegal) &&
		!strings.HasPrefix(name, "-") && !strings.HasSuffix(name, "-")
}
