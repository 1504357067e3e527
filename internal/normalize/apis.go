package normalize

import (
	"cmp"
	"fmt"
	"strings"

	"odasync/internal/component"
	"odasync/internal/specification"
)

// functionBlocks are the sections of the spec that list APIs, each with its sections of the status: of the exposed and of the
// dependent ones.
var functionBlocks = [...]struct {
	segment         component.Segment
	function        string
	status          string
	dependentStatus string
}{
	{component.SegmentCore, "coreFunction", "coreAPIs", "coreDependentAPIs"},
	{component.SegmentManagement, "managementFunction", "managementAPIs", "managementDependentAPIs"},
	{component.SegmentSecurity, "securityFunction", "securityAPIs", "securityDependentAPIs"},
}

// maxEntryName is the limit of Kubernetes for the name of an ExposedAPI object.
const maxEntryName = 253

// maxContent limits the text of a component's APIs, in bytes. Every version of an entry repeats the defaults of the entry, so that
// an object of 1.5 MiB could grow to gigabytes.
const maxContent = 4 << 20

// apiFields are the fields that an API entry and each of its specification entries may have.
type apiFields struct {
	url, version, apiType string
	implementation, path  string
	port                  uint16
	urlMajor              string // the version in the URL; parsed once, since every version may repeat the URL
}

// exposedAPIs reads the APIs of all segments with their status and their objects.
func (r *reader) exposedAPIs(spec, status map[string]any, owner *component.Component, objects []APIObject) []component.ExposedAPI {
	var apis []component.ExposedAPI
	for _, block := range functionBlocks {
		groups := r.groups(spec, block.function)
		if len(groups) == 0 {
			continue
		}
		known := withObjects(readAPIStatus(status[block.status]), objects, block.segment)
		noteSplits(groups, known, owner.Name)
		for i := range groups {
			api := groups[i].api(block.segment, owner, known)
			if !r.fits(textSize(api)) {
				return nil
			}
			apis = append(apis, api)
		}
	}
	return apis
}

// fits counts the text of an API, and fails at the limit for all.
func (r *reader) fits(size int) bool {
	if r.content += size; r.content > maxContent {
		r.fail(fmt.Sprintf("its APIs come to more than %d MiB of text", maxContent>>20))
		return false
	}
	return true
}

// textSize is approximately the length of the API as JSON.
func textSize(api component.ExposedAPI) int {
	return len(api.Name) + len(api.Entry) + len(api.Object) + len(api.Type) + len(api.Implementation) + len(api.URL) +
		len(api.DeveloperUI) + specificationsSize(api.Specifications)
}

func specificationsSize(specifications []component.Specification) int {
	size := 0
	for _, s := range specifications {
		size += len(s.URL) + len(s.Version)
	}
	return size
}

// groups reads the API entries of one function block.
func (r *reader) groups(spec map[string]any, function string) []versionGroup {
	all := newVersionGroups()
	r.entries(spec, function, "exposedAPIs", func(item any) { r.entry(item, r.apiFields, all.add) })
	return all.result()
}

// entries visits the API entries in a list of a function block.
func (r *reader) entries(spec map[string]any, function, key string, visit func(item any)) {
	block := r.object(spec, function)
	r.enter(function)
	defer r.leave()
	r.enter(key)
	defer r.leave()
	value := block[key]
	if isEmpty(value) {
		return
	}
	list, ok := value.([]any)
	if !ok {
		r.fail("must be a list, not " + kindOf(value))
		return
	}
	for i, item := range list {
		if item == nil { // as rendered by a template that leaves out an entry
			continue
		}
		r.enterItem(i)
		visit(item)
		r.leave()
	}
}

// entry reads one API entry and adds it once for each of its specifications. read reads what is known of an API in an entry and
// in each of its specifications.
func (r *reader) entry(item any, read func(map[string]any) apiFields, add func(name string, fields apiFields)) {
	fields, ok := item.(map[string]any)
	if !ok {
		r.fail("must be an object, not " + kindOf(item))
		return
	}
	name := r.required(fields, "name")
	if len(name) > maxEntryName {
		r.enter("name")
		r.fail(fmt.Sprintf("is longer than %d characters", maxEntryName))
		r.leave()
	}
	defaults := read(fields)
	found := false
	r.each(fields, "specification", func(item any) {
		var own apiFields
		switch v := item.(type) {
		case string:
			own = apiFields{url: v, urlMajor: specification.URLMajor(v)}
		case map[string]any:
			own = read(v)
		default:
			r.fail("must be a URL or an object, not " + kindOf(item))
		}
		if own != (apiFields{}) {
			found = true
			add(name, own.over(defaults))
		}
	})
	if !found {
		add(name, defaults)
	}
}

func (r *reader) apiFields(fields map[string]any) apiFields {
	read := r.documentFields(fields)
	read.implementation = r.text(fields, "implementation")
	read.path = r.text(fields, "path")
	read.port = r.port(fields, "port")
	return read
}

// documentFields is apiFields without the address.
func (r *reader) documentFields(fields map[string]any) apiFields {
	url := r.text(fields, "url")
	return apiFields{
		url:      url,
		urlMajor: specification.URLMajor(url),
		version:  r.text(fields, "version"),
		apiType:  cmp.Or(r.text(fields, "apiType"), r.text(fields, "apitype")), // apitype in v1beta2
	}
}

// over returns the fields of a specification entry, with those of the API entry as defaults. The version of the API entry counts
// only if the URL has none, as in the names that the Canvas operators give to ExposedAPI objects.
func (f apiFields) over(defaults apiFields) apiFields {
	if f.url == "" {
		f.url, f.urlMajor = defaults.url, defaults.urlMajor
	}
	if f.version == "" && f.urlMajor == "" {
		f.version = defaults.version
	}
	f.apiType = cmp.Or(f.apiType, defaults.apiType)
	f.implementation = cmp.Or(f.implementation, defaults.implementation)
	f.path = cmp.Or(f.path, defaults.path)
	f.port = cmp.Or(f.port, defaults.port)
	return f
}

// specification returns the document, or none.
func (f apiFields) specification() []component.Specification {
	if f.url == "" && f.version == "" {
		return nil
	}
	return []component.Specification{{URL: f.url, Version: f.version}}
}

// major returns the declared major version, else that of the specification's URL, else "". The path of the API does not count: it
// may have the version of something else.
func (f apiFields) major() string {
	return cmp.Or(specification.Major(f.version), f.urlMajor)
}

// objectName returns the name of an ExposedAPI object in Kubernetes.
func objectName(owner, api, version string) string {
	name := owner + "-" + api
	if version != "" {
		name += "-" + version
	}
	return strings.ToLower(name)
}
