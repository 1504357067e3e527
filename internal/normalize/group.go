package normalize

import (
	"cmp"
	"strconv"
	"strings"

	"odasync/internal/component"
)

// apiEntry is an API of a segment, under all spellings of its name.
type apiEntry struct {
	name     string // the first spelling
	versions int    // number of groups of the entry
	split    bool   // the status lists a version of the entry separately
}

// versionGroup is an API in one major version.
type versionGroup struct {
	entry          *apiEntry
	version        string
	apiType        string
	implementation string
	path           string
	port           uint16
	specifications []component.Specification
}

// versionGroups are the groups of one segment in their order.
type versionGroups struct {
	groups  []versionGroup
	index   map[versionKey]int
	entries map[string]*apiEntry
}

// versionKey identifies a group: the name of the entry in lower case, as in the names of ExposedAPI objects, and the major
// version.
type versionKey struct{ name, version string }

func newVersionGroups() *versionGroups {
	return &versionGroups{index: map[versionKey]int{}, entries: map[string]*apiEntry{}}
}

// add adds a specification of an entry.
func (all *versionGroups) add(name string, fields apiFields) {
	key := versionKey{strings.ToLower(name), fields.major()}
	at, found := all.index[key]
	if !found {
		e := all.entries[key.name]
		if e == nil {
			e = &apiEntry{name: name}
			all.entries[key.name] = e
		}
		e.versions++
		at = len(all.groups)
		all.index[key] = at
		all.groups = append(all.groups, versionGroup{entry: e, version: key.version})
	}
	all.groups[at].merge(versionGroup{
		apiType: fields.apiType, implementation: fields.implementation, path: fields.path, port: fields.port,
		specifications: fields.specification(),
	})
}

// result returns the groups with unique names. Groups with the same name, such as version v4 of an entry foo that also has v5, and
// an entry foo-v4, are merged, as their ExposedAPI objects in Kubernetes would be.
func (all *versionGroups) result() []versionGroup {
	if len(all.entries) == len(all.groups) {
		return all.groups
	}
	index := make(map[string]int, len(all.groups))
	merged := all.groups[:0]
	for _, g := range all.groups {
		name := strings.ToLower(g.name())
		if at, found := index[name]; found {
			merged[at].merge(g)
			continue
		}
		index[name] = len(merged)
		merged = append(merged, g)
	}
	return merged
}

// merge adds the fields of another group. The first value of a field counts. An address is one value, so that the port of one
// specification is never combined with the host of another.
func (g *versionGroup) merge(other versionGroup) {
	g.apiType = cmp.Or(g.apiType, other.apiType)
	if g.implementation == "" {
		g.implementation, g.path, g.port = other.implementation, other.path, other.port
	}
	g.specifications = append(g.specifications, other.specifications...)
}

// name returns the name of the API within its segment.
func (g *versionGroup) name() string {
	if g.entry.versions > 1 && g.version != "" {
		return g.entry.name + "-" + g.version
	}
	return g.entry.name
}

// api returns the group as an exposed API.
func (g *versionGroup) api(segment component.Segment, owner *component.Component, known map[string]apiStatus) component.ExposedAPI {
	status := g.status(known, owner.Name)
	return component.ExposedAPI{
		Name:           g.name(),
		Entry:          g.entry.name,
		Segment:        segment,
		Object:         cmp.Or(status.name, objectName(owner.Name, g.entry.name, g.version)),
		Version:        g.version,
		Type:           g.apiType,
		Specifications: g.specifications,
		Implementation: g.implementation,
		URL:            cmp.Or(status.url, g.inClusterURL(owner.Namespace)),
		DeveloperUI:    status.developerUI,
		Ready:          status.ready && status.url != "",
	}
}

// inClusterURL returns the address of the implementation's Service, or "" without a Service in the spec.
func (g *versionGroup) inClusterURL(namespace string) string {
	if g.implementation == "" || strings.ContainsFunc(g.implementation, notInHostName) {
		return ""
	}
	url := "http://" + g.implementation + "." + namespace + ".svc"
	if g.port != 0 {
		url += ":" + strconv.Itoa(int(g.port))
	}
	if g.path != "" && g.path[0] != '/' {
		url += "/"
	}
	return url + g.path
}

func notInHostName(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.'
}
