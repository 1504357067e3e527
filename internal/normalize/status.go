package normalize

import "strings"

// The status is what the Canvas operators write while they work, and it says how far they are. A section or entry
// of another shape than theirs is one that they have not written yet: it takes nothing from the component and adds
// nothing to it, and never makes an API ready.

// apiStatus is what the status says of one ExposedAPI object. URLs are absolute or empty.
type apiStatus struct {
	url         string
	developerUI string
	ready       bool
}

// readAPIStatus returns a list such as status.coreAPIs by the lower-case names of its ExposedAPI objects, which are
// <component>-<api> or <component>-<api>-<vN>. Of two entries with one name the first counts.
func readAPIStatus(section any) map[string]apiStatus {
	list, _ := section.([]any)
	if len(list) == 0 {
		return nil
	}
	known := make(map[string]apiStatus, len(list))
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		name = strings.ToLower(name)
		if _, twice := known[name]; name == "" || twice {
			continue
		}
		ready, _ := fields["ready"].(bool)
		s := apiStatus{url: absoluteURL(fields["url"]), developerUI: absoluteURL(fields["developerUI"])}
		s.ready = ready && s.url != ""
		known[name] = s
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

// noteSplits marks the entries of which the status lists a version on its own.
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

// status returns what is known of the group. The ExposedAPI object of its own version comes first. The one without a
// version speaks for every version of the entry while no version is listed on its own, since it is then the only one
// that the operators make. Once they list one, it speaks for the API without a version alone, and a version that
// is not listed does not run yet.
func (g *versionGroup) status(known map[string]apiStatus, owner string) apiStatus {
	if len(known) == 0 {
		return apiStatus{}
	}
	if g.version != "" && g.entry.split {
		return known[objectName(owner, g.entry.name, g.version)]
	}
	return known[objectName(owner, g.entry.name, "")]
}

// deploymentStatus returns the operators' word on the whole component.
func deploymentStatus(status map[string]any) string {
	summary, _ := status["summary/status"].(map[string]any) // the slash is the operators' spelling
	word, _ := summary["deployment_status"].(string)
	return word
}
