package conformance

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// outsiderTMF639 is the outsider of the TMF639 API. Components and APIs are documents whose ids begin with a prefix, of which
// the suite has its own. The registry lists full documents slowly, and may not permit to get one by its id: ids come from
// the short list, contents from the part of the full list where the short one has them.
type outsiderTMF639 struct{ raw }

const (
	tmf639Resources = "/resource"
	tmf639Resource  = "/resource/{id}"
	// tmf639ShortPage and tmf639FullPage are sizes of pages that do not block the registry for long.
	tmf639ShortPage = 5000
	tmf639FullPage  = 500
)

func (o *outsiderTMF639) limits() limits {
	return limits{name: 253, api: 253, page: tmf639ShortPage / 2} // an entry with an API has two rows
}

// id is the id of a Component, or the beginning of those of its APIs.
func (o *outsiderTMF639) id(name string) string { return o.name + ":" + name }

func (o *outsiderTMF639) documents(ctx context.Context, name string) ([]document, error) {
	isComponent := func(id string) bool { return strings.HasSuffix(id, ":"+name) }
	found, err := o.list(ctx, func(id string) bool { return isComponent(id) || strings.Contains(id, ":"+name+"-") })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	bodies, err := o.bodies(ctx, found[0].position, found[len(found)-1].position)
	if err != nil {
		return nil, err
	}
	var apis, components []document
	for _, at := range found {
		body, exists := bodies[at.ID]
		switch {
		case !exists:
			return nil, registry.Conflict("GET "+tmf639Resources, "the documents change while they are read: try again")
		case isComponent(at.ID):
			components = append(components, document{kindComponent, at.ID, body})
		default:
			apis = append(apis, document{kindAPI, at.ID, body})
		}
	}
	return append(apis, components...), nil
}

func (o *outsiderTMF639) all(ctx context.Context) ([]document, error) {
	found, err := o.list(ctx, func(string) bool { return true })
	all := make([]document, len(found))
	for i, at := range found {
		all[i] = document{kind: kindAPI, id: at.ID}
	}
	return all, err
}

func (o *outsiderTMF639) delete(ctx context.Context, d document) error {
	err := o.Do(ctx, registry.Request{Method: http.MethodDelete, Path: tmf639Resource, ID: d.id}, nil)
	if registry.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// sweep has nothing to do: a prefix exists only in ids.
func (o *outsiderTMF639) sweep(context.Context) error { return nil }

func (o *outsiderTMF639) adoptable(ctx context.Context, on *subject) error {
	return o.post(ctx, o.collected(on, "ODAComponent"))
}

func (o *outsiderTMF639) overwrite(ctx context.Context, on *subject) error {
	body := o.collected(on, "ODAComponent")
	return o.Do(ctx, registry.Request{Method: http.MethodPatch, Path: tmf639Resource, ID: o.id(on.key.Name), Body: body}, nil)
}

func (o *outsiderTMF639) post(ctx context.Context, body any) error {
	return o.Do(ctx, registry.Request{Method: http.MethodPost, Path: tmf639Resources, Body: body}, nil)
}

// collected is a document as the Canvas's own collector writes it for a component, apart from the category.
func (o *outsiderTMF639) collected(on *subject, category string) map[string]any {
	return map[string]any{
		"id": o.id(on.key.Name), "@type": "LogicalResource", "@baseType": "Resource", "resourceVersion": "4711",
		"name": on.key.Name, "category": category,
		"resourceCharacteristic": []any{map[string]any{"@type": "Characteristic", "name": "namespace", "value": on.key.Namespace}},
	}
}

// linked is an API of somebody else that is exposed by a Component, which need not exist.
func (o *outsiderTMF639) linked(id, component string) map[string]any {
	return map[string]any{
		"id": id, "@type": "LogicalResource", "name": id, "category": "API", "resourceVersion": "4711",
		"resourceRelationship": []any{map[string]any{
			"@type": "ResourceRelationship", "relationshipType": "exposedBy", "id": "expby_" + component,
			"resource": map[string]any{"@type": "ResourceRef", "id": o.id(component)},
		}},
	}
}

// listedRow is a row of the short list.
type listedRow struct {
	ID       string `json:"id"`
	position int
}

// list returns the suite's rows of the short list whose ids are selected.
func (o *outsiderTMF639) list(ctx context.Context, selected func(id string) bool) (found []listedRow, err error) {
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
func (o *outsiderTMF639) bodies(ctx context.Context, first, last int) (map[string]string, error) {
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
