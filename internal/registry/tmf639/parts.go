package tmf639

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
)

// parts are documents of one component, by their ids, with their digests. The digest is empty where the content is not known.
type parts map[string]string

// parseParts reads what String has written; lines of another form are left out.
func parseParts(text string) parts {
	all := parts{}
	for line := range strings.Lines(text) {
		escaped, digest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if id, err := url.PathUnescape(escaped); err == nil && id != "" {
			all[id] = digest
		}
	}
	return all
}

// String returns a line for each document: its id, path-escaped, and its digest.
func (p parts) String() string {
	var text strings.Builder
	for _, id := range slices.Sorted(maps.Keys(p)) {
		text.WriteString(url.PathEscape(id) + " " + p[id] + "\n")
	}
	return text.String()
}

// partDigest is the part of one document in its entry's digest.
func partDigest(id, digest string) registry.Digest { return registry.DigestOf(id, digest) }

// digest is that of the entry as a whole.
func (p parts) digest(cfg registry.Config) string {
	total := document.ConfigDigest(cfg)
	for id, digest := range p {
		total = total.Plus(partDigest(id, digest))
	}
	return total.String()
}
