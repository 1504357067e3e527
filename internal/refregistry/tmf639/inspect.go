package tmf639

import (
	"encoding/json"
	"time"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// Resource is a document as it is stored.
type Resource struct {
	ID string
	// Document has the stored members in their order: neither id, href nor
	// links.
	Document json.RawMessage
	Links    []Link
	Changed  time.Time // of the document itself
}

// Link is a relationship to another document.
type Link struct {
	Type   string
	Target string // an id, empty for a link to nothing
}

// Resources returns all documents in the order of their creation.
func (s *Service) Resources() []Resource {
	var out []Resource
	s.store.view(func() {
		for _, r := range s.store.order {
			document := []byte{'{'}
			for i, f := range r.fields {
				if i > 0 {
					document = append(document, ',')
				}
				document = append(append(pyjson.Append(document, f.name), ':'), f.raw...)
			}
			resource := Resource{ID: r.id, Document: append(document, '}'), Changed: r.changed}
			for _, l := range r.links {
				link := Link{Type: l.kind}
				if l.target != nil {
					link.Target = l.target.id
				}
				resource.Links = append(resource.Links, link)
			}
			out = append(out, resource)
		}
	})
	return out
}
