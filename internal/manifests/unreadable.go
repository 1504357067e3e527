package manifests

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"odasync/internal/component"
)

// Unreadable is a file, a subfolder or a link whose present content is unknown.
type Unreadable struct {
	Path    string
	Problem string
}

// Unreadable returns what the last scan could not read, in the order of paths; nil for nothing.
func (s *Source) Unreadable() []Unreadable {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unreadable
}

// unreadableIn returns what is unreadable in a listing.
func (s *Source) unreadableIn(l *listing) (all []Unreadable) {
	problems := map[string]string{}
	for path, err := range l.failed {
		problems[path] = err.Error()
	}
	for path, f := range s.files {
		if f.problem != "" && problems[path] == "" {
			problems[path] = f.problem
		}
	}
	for _, path := range slices.Sorted(maps.Keys(problems)) {
		all = append(all, Unreadable{Path: path, Problem: problems[path]})
	}
	return all
}

// unknown returns the function for [component.Resync]; nil while everything can be read.
func (s *Source) unknown(l *listing) func(namespace, name string) bool {
	if len(s.unreadableIn(l)) == 0 {
		return nil
	}
	return func(namespace, name string) bool {
		return len(l.failed) > 0 || s.mayHave(component.Key{Namespace: namespace, Name: name})
	}
}

// mayHave reports whether a file that cannot be read may contain the Component. One that was never read lacks what was read from
// another file, unless its text has the name.
func (s *Source) mayHave(key component.Key) bool {
	_, elsewhere := s.known[key]
	for _, f := range s.files {
		if f.problem != "" && (!f.read && !elsewhere || f.mentions(key.Name)) {
			return true
		}
	}
	return false
}

// escapes are what may spell a name in another way than by its letters: the escape sequences of YAML and JSON.
var escapes = regexp.MustCompile(`\\[xuU\r\n]`)

// mentions reports whether the name may be in the text of an unreadable file. An empty text may be one that is being written.
func (f *file) mentions(name string) bool {
	return len(bytes.TrimSpace(f.text)) == 0 || !utf8.Valid(f.text) || bytes.Contains(f.text, []byte(name)) || escapes.Match(f.text)
}
