package document

import (
	"cmp"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// An id with a slash is stored by the registry, but can never be read, changed or deleted again. Readers take the text
// before the first colon for the prefix.
var (
	inPrefix = strings.NewReplacer("/", "_", ":", "_")
	inName   = strings.NewReplacer("/", "_")
)

// Prefix returns the prefix of the ids of a cluster's documents, without the colon.
func Prefix(cfg registry.Config, cluster string) string {
	return inPrefix.Replace(cfg.Prefix(cluster))
}

// EntryName returns the name of a component's entry, which is the id of its Component document without the prefix.
func EntryName(cfg registry.Config, key component.Key) string {
	return inName.Replace(cfg.EntryName(key))
}

// ComponentID returns the id of a component's document.
func ComponentID(cfg registry.Config, key component.Key) string {
	return Prefix(cfg, key.Cluster) + ":" + EntryName(cfg, key)
}

// IsComponentID reports whether a name within the prefix is that of the component's document, in any COMPONENT_NAME_FORMAT.
func IsComponentID(name string, key component.Key) bool {
	return name == inName.Replace(key.Name) || name == inName.Replace(key.Namespace+"."+key.Name)
}

// objectOf returns the name of an API's ExposedAPI object. Events of older versions do not have it.
func objectOf(key component.Key, api *component.ExposedAPI) string {
	return inName.Replace(cmp.Or(api.Object, strings.ToLower(key.Name+"-"+api.Name)))
}

// uniqueName returns the name that an API gets, given those that are taken. Two APIs of a component have one object where two
// segments have an entry of the same name, or where the Canvas made one object for several versions.
func uniqueName(key component.Key, api *component.ExposedAPI, taken map[string]bool) string {
	name := objectOf(key, api)
	if taken[name] && api.Version != "" {
		name += "-" + api.Version
	}
	for taken[name] {
		name += "-" + string(api.Segment)
	}
	taken[name] = true
	return name
}
