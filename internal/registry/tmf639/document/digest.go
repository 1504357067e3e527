package document

import "odasync/internal/registry"

// mappingVersion is part of every entry's digest. A version of odasync that maps components in another way increases it, so
// that the next reconcile writes all of them.
const mappingVersion = "1"

// ConfigDigest is the configuration's part of an entry's digest.
func ConfigDigest(cfg registry.Config) registry.Digest {
	dependencies := ""
	if cfg.Dependencies {
		dependencies = "dependencies"
	}
	return cfg.Digest().Plus(registry.DigestOf("tmf639", mappingVersion, dependencies))
}
