package normalize

import (
	"cmp"
	"strings"

	"odasync/internal/component"
)

// dependency is an API entry of dependentAPIs, under all spellings of its name.
type dependency struct {
	component.DependentAPI
	versions []string // major versions of its specifications
}

// dependentAPIs reads the dependencies of all segments with their status.
func (r *reader) dependentAPIs(spec, status map[string]any, owner *component.Component) []component.DependentAPI {
	var apis []component.DependentAPI
	for _, block := range functionBlocks {
		known := readAPIStatus(status[block.dependentStatus])
		for _, d := range r.dependencies(spec, block.function) {
			s := d.status(known, owner.Name)
			d.Segment, d.URL, d.Ready = block.segment, s.url, s.ready
			if !r.fits(len(d.Name) + len(d.Type) + len(d.URL) + specificationsSize(d.Specifications)) {
				return nil
			}
			apis = append(apis, d.DependentAPI)
		}
	}
	return apis
}

// dependencies reads the dependencies of one function block. Entries of one name are merged, as their objects in Kubernetes
// would be.
func (r *reader) dependencies(spec map[string]any, function string) []dependency {
	if block, _ := spec[function].(map[string]any); isText(block["dependentAPIs"]) {
		return nil // older manifests have the URL of a specification there, which names no API
	}
	var all []dependency
	index := map[string]int{}
	r.entries(spec, function, "dependentAPIs", func(item any) {
		r.entry(item, r.documentFields, func(name string, fields apiFields) {
			key := strings.ToLower(name)
			at, found := index[key]
			if !found {
				at = len(all)
				index[key] = at
				all = append(all, dependency{DependentAPI: component.DependentAPI{Name: name}})
			}
			d := &all[at]
			d.Type = cmp.Or(d.Type, fields.apiType)
			d.Specifications = append(d.Specifications, fields.specification()...)
			if major := fields.major(); major != "" {
				d.versions = append(d.versions, major)
			}
		})
	})
	return all
}

// status returns the entry of the dependency: by the name of its object with a version or without, or by the bare name of the API.
func (d *dependency) status(known map[string]apiStatus, owner string) apiStatus {
	if len(known) == 0 {
		return apiStatus{}
	}
	for _, version := range append(d.versions, "") {
		if s, listed := known[objectName(owner, d.Name, version)]; listed {
			return s
		}
	}
	return known[strings.ToLower(d.Name)]
}
