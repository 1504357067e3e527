package component

import "cmp"

// Key names a Component across clusters. The triple is unique; no part is empty for a valid key.
type Key struct {
	Cluster   string
	Namespace string
	Name      string
}

// String gives cluster/namespace/name, for logs and errors.
func (k Key) String() string { return k.Cluster + "/" + k.Namespace + "/" + k.Name }

// Compare orders keys by cluster, namespace and name.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Cluster, other.Cluster),
		cmp.Compare(k.Namespace, other.Namespace),
		cmp.Compare(k.Name, other.Name),
	)
}
