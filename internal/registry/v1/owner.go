package v1

import (
	"cmp"
	"fmt"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// The labels that identify an entry's owner: the cluster, and the namespace within it.
const (
	labelManagedBy = "managed-by"
	labelNamespace = "namespace"
)

// ownership is the relation of an entry to a component.
type ownership int

const (
	ours ownership = iota
	// unowned: an older collector or a person created the entry, not odasync.
	unowned
	foreign
)

// ownerOf derives the owner from an entry's labels. An entry that has only the label of another namespace belongs to it.
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

// owned returns the inventory's entry for labels read from the registry.
func owned(cfg registry.Config, cluster, entry string, labels []wireLabel) target.Entry {
	e := target.Entry{Ref: target.Ref{Registry: cfg.Name, Name: entry}}
	owner, namespace := ownerLabels(labels)
	switch {
	case owner == registry.ManagedBy(cluster) && namespace != "":
		e.Key = component.Key{Cluster: cluster, Namespace: namespace, Name: cfg.ComponentName(namespace, entry)}
	case owner != "" && owner != registry.ManagedBy(cluster):
		e.Foreign = true
	}
	return e
}

// ownerLabels returns the values of the labels that identify the owner; empty where they are missing.
func ownerLabels(labels []wireLabel) (owner, namespace string) {
	for _, label := range labels {
		switch label.Key {
		case labelManagedBy:
			owner = label.Value
		case labelNamespace:
			namespace = label.Value
		}
	}
	return owner, namespace
}

// nameConflict is the refusal to overwrite another owner's entry.
func nameConflict(key component.Key, holder *wireComponent) *target.Failure {
	owner, namespace := ownerLabels(holder.Labels)
	return &target.Failure{
		Class:   target.ClassNameConflict,
		Request: get(pathComponent, holder.ID).String(),
		Detail: registry.Clean(fmt.Sprintf("the name %q in registry %q belongs to the component of namespace %q managed by %q, so %s cannot be registered: "+
			"set COMPONENT_NAME_FORMAT=%s to keep namespaces apart, or another COMPONENT_REGISTRY_NAME for a second cluster",
			holder.Name, holder.RegistryName, cmp.Or(namespace, "unknown"), cmp.Or(owner, "another program"), key, registry.FormatNamespaceName)),
	}
}
