package v1

import (
	"fmt"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// The labels that tell an entry's owner: the cluster, and the namespace within it.
const (
	labelManagedBy = "managed-by"
	labelNamespace = "namespace"
)

// ownership is what a component is to an entry.
type ownership int

const (
	ours ownership = iota
	// unowned: no odasync wrote it; an older collector did, or a person.
	unowned
	foreign
)

// ownerOf reads the owner off an entry's labels. An entry that only tells another namespace is that namespace's.
func ownerOf(key component.Key, labels []wireLabel) ownership {
	owner := unowned
	for _, label := range labels {
		switch label.Key {
		case labelManagedBy:
			if label.Value != registry.ManagedBy(key.Cluster) {
				return foreign
			}
			owner = ours
		case labelNamespace:
			if label.Value != key.Namespace {
				return foreign
			}
		}
	}
	return owner
}

// nameTaken is the refusal to overwrite another owner's entry.
func nameTaken(key component.Key, holder *wireComponent) *target.Failure {
	owner, namespace := "another program", "unknown"
	for _, label := range holder.Labels {
		switch label.Key {
		case labelManagedBy:
			owner = label.Value
		case labelNamespace:
			namespace = label.Value
		}
	}
	return &target.Failure{
		Class:   target.ClassNameConflict,
		Request: registry.Request{Method: "GET", Path: pathComponent}.String(),
		Detail: registry.Clean(fmt.Sprintf("the name %q in registry %q is taken by the component of namespace %q managed by %q, so %s cannot be shown there: "+
			"set COMPONENT_NAME_FORMAT=%s to keep namespaces apart, or another COMPONENT_REGISTRY_NAME for a second cluster",
			holder.Name, holder.RegistryName, namespace, owner, key, registry.FormatNamespaceName)),
	}
}
