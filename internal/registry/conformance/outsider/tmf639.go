package outsider

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// TMF639 is the outsider of the TMF639 API. Components and APIs are documents whose ids begin with a prefix. The outsider
// reaches the prefixes that begin with its own. The registry lists full documents slowly, and may not permit to get one by its id: ids come from
// the short list, contents from the part of the full list where the short one has them.
type TMF639 struct{ raw }

const (
	tmf639Resources = "/resource"
	tmf639Resource  = "/resource/{id}"
	// tmf639ShortPage and tmf639FullPage are sizes of pages that do not block the registry for long.
	tmf639ShortPage = 5000
	tmf639FullPage  = 500
)

// Limits implements [Outsider].
func (o *TMF639) Limits() Limits {
	return Limits{Name: 253, API: 253, Page: tmf639ShortPage / 2} // an entry with an API has two rows
}

// ComponentID is the id of a Component, or the beginning of those of its APIs.
func (o *TMF639) ComponentID(name string) string { return o.name + ":" + name }

// Documents implements [Outsider].
func (o *TMF639) Documents(ctx context.Context, name string) ([]Document, error) {
	isComponent := func(id string) bool { return strings.HasSuffix(id, ":"+name) }
	found, err := o.list(ctx, func(id string) bool { return isComponent(id) || strings.Contains(id, ":"+name+"-") })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	bodies, err := o.bodies(ctx, found[0].position, found[len(found)-1].position)
	if err != nil {
		return nil, err
	}
	var apis, components []Document
	for _, at := range found {
		body, exists := bodies[at.ID]
		switch {
		case !exists:
			return nil, registry.Conflict("GET "+tmf639Resources, "the documents change while they are read: try again")
		case isComponent(at.ID):
			components = append(components, Document{Component, at.ID, body})
		default:
			apis = append(apis, Document{API, at.ID, body})
		}
	}
	return append(apis, components...), nil
}

// All implements [Outsider].
func (o *TMF639) All(ctx context.Context) ([]Document, error) {
	found, err := o.list(ctx, func(string) bool { return true })
	all := make([]Document, len(found))
	for i, at := range found {
		all[i] = Document{Kind: API, ID: at.ID}
	}
	return all, err
}

// Delete implements [Outsider].
func (o *TMF639) Delete(ctx context.Context, d Document) error {
	err := o.Do(ctx, registry.Request{Method: http.MethodDelete, Path: tmf639Resource, ID: d.ID}, nil)
	if registry.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Sweep implements [Outsider]. It has nothing to do: a prefix exists only in ids.
func (o *TMF639) Sweep(context.Context) error { return nil }

// Adoptable implements [Outsider].
func (o *TMF639) Adoptable(ctx context.Context, key component.Key) error {
	return o.Post(ctx, o.Collected(key, "ODAComponent"))
}

// Overwrite implements [Outsider].
func (o *TMF639) Overwrite(ctx context.Context, key component.Key) error {
	body := o.Collected(key, "ODAComponent")
	return o.Do(ctx, registry.Request{Method: http.MethodPatch, Path: tmf639Resource, ID: o.ComponentID(key.Name), Body: body}, nil)
}

// Post creates a document.
func (o *TMF639) Post(ctx context.Context, body any) error {
	return o.Do(ctx, registry.Request{Method: http.MethodPost, Path: tmf639Resources, Body: body}, nil)
}

// Collected is a document as the Canvas's own collector writes it for a component, apart from the category.
func (o *TMF639) Collected(key component.Key, category string) map[string]any {
	return map[string]any{
		"id": o.ComponentID(key.Name), "@type": "LogicalResource", "@baseType": "Resource", "resourceVersion": "4711",
		"name": key.Name, "category": category,
		"resourceCharacteristic": []any{map[string]any{"@type": "Characteristic", "name": "namespace", "value": key.Namespace}},
	}
}

// Linked is an API of another owner that is exposed by a Component, which need not exist.
func (o *TMF639) Linked(id, component string) map[string]any {
	return map[string]any{
		"id": id, "@type": "LogicalResource", "name": id, "category": "API", "resourceVersion": "4711",
		"resourceRelationship": []any{map[string]any{
			"@type": "ResourceRelationship", "relationshipType": "exposedBy", "id": "expby_" + component,
			"resource": map[string]any{"@type": "ResourceRef", "id": o.ComponentID(component)},
		}},
	}
}

// listedRow is a row of the short list.
type listedRow struct {
	ID       string `json:"id"`
	position int
}

// list returns the rows of the short list whose ids are selected.
func (o *TMF639) list(ctx context.Context, selected func(id string) bool) (found []listedRow, err error) {
	short := registry.Pages[listedRow]{
		Path: tmf639Resources, Query: url.Values{"fields": {"resourceVersion"}}, Offset: "offset", Limit: "limit", Size: tmf639ShortPage,
		ID: func(r *listedRow) int64 { return int64(fingerprint.Short(r.ID)) },
	}
	position := 0
	steady, err := short.Read(ctx, o.NewSession(), registry.Rows[listedRow]{
		Begin: func() { found, position = nil, 0 },
		Row: func(r *listedRow) {
			if strings.HasPrefix(r.ID, o.name) && selected(r.ID) {
				found = append(found, listedRow{r.ID, position})
			}
			position++
		},
	})
	if err == nil && !steady {
		err = registry.Conflict("GET "+tmf639Resources, "the documents change while they are read: try again")
	}
	return found, err
}

// bodies reads the documents at the positions from first to last, by their ids.
func (o *TMF639) bodies(ctx context.Context, first, last int) (map[string]string, error) {
	bodies := map[string]string{}
	for offset := first; offset <= last; offset += tmf639FullPage {
		limit := min(tmf639FullPage, last-offset+1)
		err := o.Do(ctx, registry.Request{
			Method: http.MethodGet, Path: tmf639Resources,
			Query: url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}},
			Row: func(decoder *jsontext.Decoder) error {
				var row listedRow
				text, err := decoder.ReadValue()
				if err == nil {
					err = json.Unmarshal(text, &row)
				}
				bodies[row.ID] = string(text)
				return err
			},
		}, nil)
		if err != nil {
			return nil, err
		}
	}
	return bodies, nil
}
