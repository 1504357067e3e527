package normalize

import "strings"

// The Canvas operators write the status while they work. A section or entry of another shape counts as not written yet: it changes
// nothing of the component, and makes no API ready.

// apiStatus is the status of an ExposedAPI or DependentAPI object. URLs are absolute or empty.
type apiStatus struct {
	name        string // of the object, as it is written
	url         string
	developerUI string
	ready       bool
}

// readAPIStatus returns a list such as status.coreAPIs by the lower-case names of its objects, which are
// <component>-<api> or <component>-<api>-<vN>. The first of two entries with one name counts.
func readAPIStatus(section any) map[string]apiStatus {
	list, _ := section.([]any)
	if len(list) == 0 {
		return nil
	}
	known := make(map[string]apiStatus, len(list))
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		key := strings.ToLower(name)
		if _, twice := known[key]; name == "" || twice {
			continue
		}
		s := apiStatus{name: name, url: absoluteURL(fields["url"]), developerUI: absoluteURL(fields["developerUI"])}
		s.ready, _ = fields["ready"].(bool)
		known[key] = s
	}
	return known
}

// absoluteURL returns the text of a URL with a scheme, else "".
func absoluteURL(value any) string {
	text, _ := value.(string)
	if !strings.Contains(text, "://") {
		return ""
	}
	return text
}

// noteSplits marks the entries of which the status lists a version separately.
func noteSplits(groups []versionGroup, known map[string]apiStatus, owner string) {
	if len(known) == 0 {
		return
	}
	for _, g := range groups {
		if g.version == "" {
			continue
		}
		if _, listed := known[objectName(owner, g.entry.name, g.version)]; listed {
			g.entry.split = true
		}
	}
}

// status returns the status of the group: that of the ExposedAPI object of its version. While the status lists no version of the
// entry separately, the object without a version counts for every version, since the operators create no other. Once a version
// is listed, it counts only for the API without a version, and a version that is not listed does not run yet.
func (g *versionGroup) status(known map[string]apiStatus, owner string) apiStatus {
	if len(known) == 0 {
		return apiStatus{}
	}
	if g.version != "" && g.entry.split {
		return known[objectName(owner, g.entry.name, g.version)]
	}
	return known[objectName(owner, g.entry.name, "")]
}

// deploymentStatus returns the operators' summary of the component.
func deploymentStatus(status map[string]any) string {
	summary, _ := status["summary/status"].(map[string]any) // the operators write it with a slash
	word, _ := summary["deployment_status"].(string)
	return word
}
