package v1

import (
	"slices"

	"odasync/internal/registry"
)

// digest is the same for entries that show the same, in whatever order their labels and APIs stand. It is another one once
// the configuration asks for something else: every entry then differs from its record, and is looked at.
func digest(c registry.Config, e entry) string {
	total := c.Digest().Plus(sumComponent(e.name, e.labels.sum()))
	for _, a := range e.apis {
		total = total.Plus(sumAPI(a.name, a.url, a.specification, a.status, a.labels.sum()))
	}
	return total.String()
}

func sumComponent(name string, labels registry.Digest) registry.Digest {
	return registry.DigestOf("component", name, labels.String())
}

func sumAPI(name, url, specification, status string, labels registry.Digest) registry.Digest {
	return registry.DigestOf("api", name, url, specification, status, labels.String())
}

func (l labelSet) sum() (total registry.Digest) {
	for key, value := range l {
		total = total.Plus(registry.DigestOf(key, value))
	}
	return total
}

// sumLabels sums up labels as they are read. One that is there twice counts once; of two values of one key both count, and
// no wanted set has such a sum.
func sumLabels(read []wireLabel) (total registry.Digest) {
	for i, label := range read {
		twice := slices.ContainsFunc(read[:i], func(l wireLabel) bool { return l.Key == label.Key && l.Value == label.Value })
		if !twice {
			total = total.Plus(registry.DigestOf(label.Key, label.Value))
		}
	}
	return total
}
