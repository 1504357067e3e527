package v1

import (
	"slices"

	"odasync/internal/registry"
)

// digest is the same for entries of the same content, in any order of their labels and APIs.
func digest(cfg registry.Config, e entry) string {
	total := cfg.Digest().Plus(componentDigest(e.component, e.labels.digest()))
	for _, a := range e.apis {
		total = total.Plus(apiDigest(a.name, a.url, a.specification, a.status, a.labels.digest()))
	}
	return total.String()
}

func componentDigest(name string, labels registry.Digest) registry.Digest {
	return registry.DigestOf("component", name, labels.String())
}

func apiDigest(name, url, specification, status string, labels registry.Digest) registry.Digest {
	return registry.DigestOf("api", name, url, specification, status, labels.String())
}

func (l labelSet) digest() (total registry.Digest) {
	for key, value := range l {
		total = total.Plus(registry.DigestOf(key, value))
	}
	return total
}

// labelsDigest is the digest of labels read from the registry. A label that is there twice counts once. Of two values of
// one key both count, so that the digest is that of no desired set.
func labelsDigest(read []wireLabel) (total registry.Digest) {
	for i, label := range read {
		repeated := slices.ContainsFunc(read[:i], func(l wireLabel) bool { return l.Key == label.Key && l.Value == label.Value })
		if !repeated {
			total = total.Plus(registry.DigestOf(label.Key, label.Value))
		}
	}
	return total
}
