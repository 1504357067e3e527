package refregistry

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"odasync/internal/refregistry/tmf639"
	"odasync/internal/refregistry/web"
)

// Resources returns all documents of a TMF639 registry as they are stored, in
// the order of their creation. It is empty for v1.
func (s *Server) Resources() []tmf639.Resource {
	if s.tmf639 == nil {
		return nil
	}
	return s.tmf639.Resources()
}

// resources shows TMF639 documents on the page: Components, and the APIs that
// they expose. Their plain characteristics are the labels.
type resources struct{ *tmf639.Service }

// Content implements web.Registry.
func (r resources) Content() web.Content {
	var (
		out     web.Content
		labels  = labels{}
		places  = map[string]int{} // of the Components, by their ids
		changed = map[string]time.Time{}
	)
	for i, resource := range r.Resources() {
		var doc resourceView
		_ = json.Unmarshal(resource.Document, &doc) // documents of other shapes are valid, and not shown
		switch doc.Category {
		case "ODAComponent":
			places[resource.ID] = len(out.Components)
			out.Components = append(out.Components, doc.component(int64(i+1), resource, labels))
		case "API":
			out.APIs = append(out.APIs, doc.api(int64(i+1), resource, labels))
			if owner := ownerOf(resource); resource.Changed.After(changed[owner]) {
				changed[owner] = resource.Changed
			}
		}
	}
	for id, place := range places {
		if at := changed[id]; at.After(out.Components[place].Changed) {
			out.Components[place].Changed = at
		}
	}
	out.Labels = labels.byID()
	return out
}

// resourceView is what the page needs of a document.
type resourceView struct {
	Category      string `json:"category"`
	Status        string `json:"resourceStatus"`
	Specification struct {
		Version string `json:"version"`
	} `json:"resourceSpecification"`
	Characteristics []characteristic `json:"resourceCharacteristic"`
}

type characteristic struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

func (d resourceView) component(id int64, resource tmf639.Resource, labels labels) web.Component {
	registry, name := split(resource.ID)
	out := web.Component{ID: id, Registry: registry, Name: name, Changed: resource.Changed}
	for _, c := range d.Characteristics {
		if value, plain := scalar(c.Value); plain {
			out.LabelIDs = append(out.LabelIDs, labels.id(c.Name, value))
		}
	}
	return out
}

func (d resourceView) api(id int64, resource tmf639.Resource, labels labels) web.API {
	out := web.API{ID: id, Status: d.Status, Ready: d.Status == "available", Version: d.Specification.Version, Changed: resource.Changed}
	out.Registry, out.Name = split(resource.ID)
	out.Component = "without a component"
	if owner := ownerOf(resource); owner != "" {
		out.Registry, out.Component = split(owner)
	}
	for _, c := range d.Characteristics {
		value, plain := scalar(c.Value)
		switch {
		case c.Name == "url":
			out.URL = value
		case c.Name == "specification":
			out.Specification = specificationURL(c.Value)
		case c.Name == "apiDocs" && plain:
			out.LabelIDs = append(out.LabelIDs, labels.id(web.DeveloperUI, value))
		case plain:
			out.LabelIDs = append(out.LabelIDs, labels.id(c.Name, value))
		}
	}
	return out
}

// ownerOf returns the id of the Component that exposes an API, empty for none.
func ownerOf(resource tmf639.Resource) string {
	for _, l := range resource.Links {
		if l.Type == "exposedBy" {
			return l.Target
		}
	}
	return ""
}

// labels gives ids to the page's labels.
type labels map[web.Label]int64

func (l labels) id(key, value string) int64 {
	label := web.Label{Key: key, Value: value}
	if _, known := l[label]; !known {
		l[label] = int64(len(l) + 1)
	}
	return l[label]
}

func (l labels) byID() map[int64]web.Label {
	out := make(map[int64]web.Label, len(l))
	for label, id := range l {
		out[id] = web.Label{ID: id, Key: label.Key, Value: label.Value}
	}
	return out
}

// split divides an id into its prefix, which names the registry that it comes
// from, and the name.
func split(id string) (registry, name string) {
	registry, name, found := strings.Cut(id, ":")
	if !found {
		return "", id
	}
	return registry, name
}

// scalar formats a text that is not empty, a number or a truth value.
func scalar(v any) (string, bool) {
	switch v.(type) {
	case string, float64, bool:
		return fmt.Sprint(v), v != ""
	}
	return "", false
}

// specificationURL returns the address in a list of {url, version}, or a plain
// address.
func specificationURL(v any) string {
	if items, ok := v.([]any); ok && len(items) > 0 {
		v = items[0]
	}
	if item, ok := v.(map[string]any); ok {
		v = item["url"]
	}
	s, _ := v.(string)
	return s
}
