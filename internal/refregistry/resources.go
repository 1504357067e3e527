package refregistry

import (
	"encoding/json"
	"fmt"
	"strings"

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

// resourceView is what the page needs of a document. Documents of other shapes
// are valid too; what does not fit is left out.
type resourceView struct {
	Category        string           `json:"category"`
	Name            string           `json:"name"`
	Status          string           `json:"resourceStatus"`
	Characteristics []characteristic `json:"resourceCharacteristic"`
}

type characteristic struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// Content implements web.Registry.
func (r resources) Content() web.Content {
	out := web.Content{Labels: map[int64]web.Label{}}
	labels := map[web.Label]int64{}
	label := func(key, value string) int64 {
		l := web.Label{Key: key, Value: value}
		id, known := labels[l]
		if !known {
			id = int64(len(labels) + 1)
			labels[l] = id
			out.Labels[id] = web.Label{ID: id, Key: key, Value: value}
		}
		return id
	}
	for i, resource := range r.Resources() {
		var doc resourceView
		_ = json.Unmarshal(resource.Document, &doc) // what does not fit is left out
		id := int64(i + 1)
		registry, name := split(resource.ID)
		switch doc.Category {
		case "ODAComponent":
			component := web.Component{ID: id, Registry: registry, Name: name, Changed: resource.Changed}
			for _, c := range doc.Characteristics {
				if value, plain := scalar(c.Value); plain {
					component.LabelIDs = append(component.LabelIDs, label(c.Name, value))
				}
			}
			out.Components = append(out.Components, component)
		case "API":
			api := web.API{
				ID: id, Registry: registry, Component: "(no component)", Name: name,
				Status: doc.Status, Ready: doc.Status == "available", Changed: resource.Changed,
			}
			for _, l := range resource.Links {
				if l.Type == "exposedBy" && l.Target != "" {
					api.Registry, api.Component = split(l.Target)
				}
			}
			for _, c := range doc.Characteristics {
				value, plain := scalar(c.Value)
				switch {
				case c.Name == "url":
					api.URL = value
				case c.Name == "specification":
					api.Specification = specificationURL(c.Value)
				case c.Name == "apiDocs" && value != "":
					api.LabelIDs = append(api.LabelIDs, label(web.DeveloperUI, value))
				case plain:
					api.LabelIDs = append(api.LabelIDs, label(c.Name, value))
				}
			}
			out.APIs = append(out.APIs, api)
		}
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

// scalar formats a text, number or truth value.
func scalar(v any) (string, bool) {
	switch v.(type) {
	case string, float64, bool:
		return fmt.Sprint(v), true
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
