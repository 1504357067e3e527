package normalize

import (
	"cmp"
	"fmt"
	"strings"

	"odasync/internal/component"
)

// functionBlocks are the sections of the spec that expose APIs, each with its section of the status.
var functionBlocks = [...]struct {
	segment  component.Segment
	function string
	status   string
}{
	{component.SegmentCore, "coreFunction", "coreAPIs"},
	{component.SegmentManagement, "managementFunction", "managementAPIs"},
	{component.SegmentSecurity, "securityFunction", "securityAPIs"},
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

// exposedAPIs reads the APIs of all segments with their status.
func (r *reader) exposedAPIs(spec, status map[string]any, owner *component.Component) []component.ExposedAPI {
	var apis []component.ExposedAPI
	size := 0
	for _, block := range functionBlocks {
		groups := r.groups(spec, block.function)
		if len(groups) == 0 {
			continue
		}
		known := readAPIStatus(status[block.status])
		noteSplits(groups, known, owner.Name)
		for i := range groups {
			api := groups[i].api(block.segment, owner, known)
			if size += textSize(api); size > maxContent {
				r.fail(fmt.Sprintf("its APIs come to more than %d MiB of text", maxContent>>20))
				return nil
			}
			apis = append(apis, api)
		}
	}
	return apis
}

// textSize is approximately the length of the API as JSON.
func textSize(api component.ExposedAPI) int {
	size := len(api.Name) + len(api.Entry) + len(api.Type) + len(api.Implementation) + len(api.URL) + len(api.DeveloperUI)
	for _, s := range api.Specifications {
		size += len(s.URL) + len(s.Version)
	}
	return size
}

// groups reads the API entries of one function block.
func (r *reader) groups(spec map[string]any, function string) []versionGroup {
	block := r.object(spec, function)
	r.enter(function)
	defer r.leave()
	r.enter("exposedAPIs")
	defer r.leave()
	value := block["exposedAPIs"]
	if isEmpty(value) {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		r.fail("must be a list, not " + kindOf(value))
		return nil
	}
	all := newVersionGroups(len(list))
	for i, item := range list {
		if item == nil { // as rendered by a template that leaves out an entry
			continue
		}
		r.enterItem(i)
		r.entry(item, all)
		r.leave()
	}
	return all.result()
}

// entry reads one API entry and adds it once for each of its specifications.
func (r *reader) entry(item any, all *versionGroups) {
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
	defaults := r.apiFields(fields)
	found := false
	r.each(fields, "specification", func(item any) {
		var own apiFields
		switch v := item.(type) {
		case string:
			own = apiFields{url: v, urlMajor: urlMajor(v)}
		case map[string]any:
			own = r.apiFields(v)
		default:
			r.fail("must be a URL or an object, not " + kindOf(item))
		}
		if own != (apiFields{}) {
			found = true
			all.add(name, own.over(defaults))
		}
	})
	if !found {
		all.add(name, defaults)
	}
}

func (r *reader) apiFields(fields map[string]any) apiFields {
	url := r.text(fields, "url")
	return apiFields{
		url:            url,
		urlMajor:       urlMajor(url),
		version:        r.text(fields, "version"),
		apiType:        cmp.Or(r.text(fields, "apiType"), r.text(fields, "apitype")), // apitype in v1beta2
		implementation: r.text(fields, "implementation"),
		path:           r.text(fields, "path"),
		port:           r.port(fields, "port"),
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

// major returns the declared major version, else that of the specification's URL, else "". The path of the API does not count: it
// may have the version of something else.
func (f apiFields) major() string {
	return cmp.Or(declaredMajor(f.version), f.urlMajor)
}

// objectName returns the name of an ExposedAPI object in Kubernetes.
func objectName(owner, api, version string) string {
	name := owner + "-" + api
	if version != "" {
		name += "-" + version
	}
	return strings.ToLower(name)
}
