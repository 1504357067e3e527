package normalize

import (
	"cmp"
	"strings"

	"odasync/internal/component"
)

// OwnerLabel is the label of an ExposedAPI object with the name of its component.
const OwnerLabel = labelPrefix + "componentName"

// APIObject is what an ExposedAPI object says about an API of a component. It is comparable: objects that say the same are equal.
type APIObject struct {
	Namespace string
	Name      string
	// Owner is the name of the component; empty if the object belongs to none.
	Owner string

	segment  component.Segment // empty for any
	status   apiStatus
	reported bool // the status says whether the API is ready
}

// ExposedAPI reads an ExposedAPI object from unstructured content. As in the status of a component, a field of another shape counts
// as not written yet.
func ExposedAPI(object map[string]any) APIObject {
	meta, _ := object["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	status, _ := object["status"].(map[string]any)
	addresses, _ := status["apiStatus"].(map[string]any)
	implementation, _ := status["implementation"].(map[string]any)

	var api APIObject
	api.Namespace, _ = meta["namespace"].(string)
	api.Name, _ = meta["name"].(string)
	api.Owner, _ = labels[OwnerLabel].(string)
	for _, block := range functionBlocks {
		if spec["segment"] == block.function || spec["segment"] == string(block.segment) {
			api.segment = block.segment
		}
	}
	api.status = apiStatus{name: api.Name, url: absoluteURL(addresses["url"]), developerUI: absoluteURL(addresses["developerUI"])}
	api.status.ready, api.reported = implementation["ready"].(bool)
	return api
}

// withObjects returns the entries of a section of the component's status with what the objects say. The operators copy it into
// the status of the component later, so that the object counts where both say something.
func withObjects(known map[string]apiStatus, objects []APIObject, segment component.Segment) map[string]apiStatus {
	if known == nil && len(objects) > 0 {
		known = make(map[string]apiStatus, len(objects))
	}
	for _, object := range objects {
		if object.segment != "" && object.segment != segment {
			continue
		}
		key := strings.ToLower(object.Name)
		merged := known[key]
		merged.name = object.Name
		merged.url = cmp.Or(object.status.url, merged.url)
		merged.developerUI = cmp.Or(object.status.developerUI, merged.developerUI)
		if object.reported {
			merged.ready = object.status.ready
		}
		known[key] = merged
	}
	return known
}
