package normalize

import (
	"slices"
	"strings"

	"odasync/internal/component"
)

// labelPrefix is the prefix of the labels of the ODA Canvas. They are content, as are the plainLabels.
const labelPrefix = "oda.tmforum.org/"

var plainLabels = []string{"domain", "team", "version"}

// Component reads a Component resource of any version from unstructured content. The observation has the identity of the resource
// and either its content or an Err of type *component.FieldError; the caller sets Seen and Deleted. Only strings of the object
// are retained. The APIs have the order of the specification until Canonical sorts them.
//
// An absent field, null, "", [] and {} are equal for an optional field. A number or boolean is read as its text, and a single
// value as a list of one. Anything else is an error that names the field.
//
// The objects are the ExposedAPI objects of the component, as far as they are known.
func Component(object map[string]any, objects ...APIObject) component.Observation {
	var r reader
	var seen component.Observation
	content := &component.Component{}

	meta := r.object(object, "metadata")
	r.enter("metadata")
	seen.Namespace = r.required(meta, "namespace")
	seen.Name = r.required(meta, "name")
	seen.UID = r.text(meta, "uid")
	seen.ResourceVersion = r.text(meta, "resourceVersion")
	content.Namespace, content.Name = seen.Namespace, seen.Name
	content.Created = r.text(meta, "creationTimestamp")
	content.Terminating = !isEmpty(meta["deletionTimestamp"])
	content.Labels = r.labels(meta)
	r.leave()

	spec := r.object(object, "spec")
	r.enter("spec")
	if spec == nil {
		r.fail("is missing")
	}
	status, _ := object["status"].(map[string]any)
	content.Metadata = r.metadata(spec)
	content.ExposedAPIs = r.exposedAPIs(spec, status, content, objects)
	content.DependentAPIs = r.dependentAPIs(spec, status, content)
	content.DeploymentStatus = deploymentStatus(status)
	r.leave()

	if r.err != nil {
		seen.Err = r.err
	} else {
		seen.Component = content
	}
	return seen
}

// labels returns the labels that are content, or nil.
func (r *reader) labels(meta map[string]any) map[string]string {
	all := r.object(meta, "labels")
	var kept []string
	for key, value := range all {
		content := strings.HasPrefix(key, labelPrefix) || slices.Contains(plainLabels, key)
		if content && (value == "" || !isEmpty(value)) { // a label can have an empty value
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	slices.Sort(kept) // so that the same one of several unreadable labels is reported every time
	labels := make(map[string]string, len(kept))
	r.enter("labels")
	for _, key := range kept {
		labels[key] = r.text(all, key)
	}
	r.leave()
	return labels
}
