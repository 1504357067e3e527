package normalize

import (
	"slices"
	"strings"

	"odasync/internal/component"
)

// labelPrefix marks the labels of the ODA Canvas. They are content, and so are those of plainLabels.
const labelPrefix = "oda.tmforum.org/"

var plainLabels = []string{"domain", "team", "version"}

// Normalize reads a Component resource of any served version, as unstructured content holds it. The observation has
// the resource's identity and either its content or Err, a *component.FieldError; Seen and Deleted are the caller's.
// Nothing of the object is kept but its strings. The APIs are in the specification's order until Canonical sorts them.
//
// The shape of the resource decides how it is read, not its apiVersion: a cluster without a conversion webhook
// serves whatever shape was stored under whatever version is asked for.
//
// An absent field, null, "", [] and {} are all the same where a field has a usual reading. Numbers and booleans
// stand for their text, and one value for a list of one. Anything else is an error that names the field, since a
// guess would reach a registry as truth. The status is different: what cannot be read there counts as not yet written.
func Component(object map[string]any) component.Observation {
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
	content.ExposedAPIs = r.exposedAPIs(spec, status, content)
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
		meant := strings.HasPrefix(key, labelPrefix) || slices.Contains(plainLabels, key)
		if meant && (value == "" || !isEmpty(value)) { // a label's value may well be the empty text
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	slices.Sort(kept) // so that of several bad labels always the same one is reported
	labels := make(map[string]string, len(kept))
	r.enter("labels")
	for _, key := range kept {
		labels[key] = r.text(all, key)
	}
	r.leave()
	return labels
}

// metadata reads the component's own description: componentMetadata where there is one, else the bare spec, whose
// status is then the description's and not the resource's.
func (r *reader) metadata(spec map[string]any) component.Metadata {
	fields := spec
	if own := r.object(spec, "componentMetadata"); own != nil {
		fields = own
		r.enter("componentMetadata")
		defer r.leave()
	}
	return component.Metadata{
		ID:                  r.text(fields, "id"),
		Name:                r.text(fields, "name"),
		Version:             r.text(fields, "version"),
		Description:         r.text(fields, "description"),
		FunctionalBlock:     r.text(fields, "functionalBlock"),
		PublicationDate:     r.text(fields, "publicationDate"),
		Status:              r.text(fields, "status"),
		Maintainers:         r.people(fields, "maintainers"),
		Owners:              r.people(fields, "owners"),
		ETOM:                r.texts(fields, "eTom"),
		SID:                 r.texts(fields, "SID"),
		FunctionalFramework: r.texts(fields, "functionalFramework"),
	}
}

// people reads a list of {name, email}; a plain text is a name.
func (r *reader) people(fields map[string]any, key string) []component.Person {
	var people []component.Person
	r.each(fields, key, func(item any) {
		var person component.Person
		if described, ok := item.(map[string]any); ok {
			person.Name = r.text(described, "name")
			person.Email = r.text(described, "email")
		} else {
			person.Name = r.scalar(item)
		}
		if person != (component.Person{}) {
			people = append(people, person)
		}
	})
	return people
}
