package tmf639

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"odasync/internal/registry"
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

// mappingVersion is part of every entry's digest. A version of odasync that maps components in another way increases it, so
// that the next reconcile writes all of them.
const mappingVersion = "1"

// configDigest is the configuration's part of an entry's digest.
func configDigest(cfg registry.Config) registry.Digest {
	dependencies := ""
	if cfg.Dependencies {
		dependencies = "dependencies"
	}
	return cfg.Digest().Plus(registry.DigestOf("tmf639", mappingVersion, dependencies))
}

// partDigest is the part of one document in its entry's digest.
func partDigest(id, digest string) registry.Digest { return registry.DigestOf(id, digest) }

// digest is that of the entry as a whole.
func (p parts) digest(cfg registry.Config) string {
	total := configDigest(cfg)
	for id, digest := range p {
		total = total.Plus(partDigest(id, digest))
	}
	return total.String()
}
