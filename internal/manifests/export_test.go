package manifests

import "odasync/internal/component"

// ParseFile reads the content of a file of a source.
func ParseFile(s *Source, path string, content []byte) ([]component.Observation, error) {
	all, err := s.parse(path, content)
	var seen []component.Observation
	for _, f := range all {
		seen = append(seen, f.seen)
	}
	return seen, err
}
