package outsider

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// V1 is the outsider of the v1 API. A v1 registry keeps components and APIs under the name of a registry entry. The outsider
// reaches the registry entries whose names begin with its own.
type V1 struct{ raw }

// The collections of the v1 API.
const (
	v1Labels     = "/labels/"
	v1Registries = "/registries/"
	v1Components = "/components/"
	v1APIs       = "/exposed-apis/"
)

// v1PageSize is the most rows that a v1 registry returns at once.
const v1PageSize = 1000

// rowV1 is a row of any collection.
type rowV1 struct {
	ID            int64  `json:"id"`
	Name          string `json:"name"`
	Value         string `json:"value"`
	RegistryName  string `json:"registry_name"`
	ComponentName string `json:"component_name"`
	text          string
}

// UnmarshalJSON keeps the whole row beside its fields.
func (r *rowV1) UnmarshalJSON(text []byte) error {
	type fields rowV1
	r.text = string(text)
	return json.Unmarshal(text, (*fields)(r))
}

// Limits implements [Outsider].
func (o *V1) Limits() Limits {
	return Limits{Name: 100, API: 100, Enforced: true, Page: v1PageSize}
}

// Documents implements [Outsider].
func (o *V1) Documents(ctx context.Context, name string) ([]Document, error) {
	places, err := o.registries(ctx)
	if err != nil {
		return nil, err
	}
	var found []Document
	for _, place := range places {
		apis, err := o.rows(ctx, v1APIs, func(r *rowV1) bool { return r.RegistryName == place.Name && r.ComponentName == name },
			"registry_name", place.Name, "component_name", name)
		if err != nil {
			return nil, err
		}
		components, err := o.rows(ctx, v1Components, func(r *rowV1) bool { return r.RegistryName == place.Name && r.Name == name },
			"registry_name", place.Name)
		if err != nil {
			return nil, err
		}
		found = slices.Concat(found, documentsV1(API, apis), documentsV1(Component, components))
	}
	return found, nil
}

// All implements [Outsider].
func (o *V1) All(ctx context.Context) ([]Document, error) {
	own := func(r *rowV1) bool { return strings.HasPrefix(r.RegistryName, o.name) }
	apis, err := o.rows(ctx, v1APIs, own)
	if err != nil {
		return nil, err
	}
	components, err := o.rows(ctx, v1Components, own)
	return slices.Concat(documentsV1(API, apis), documentsV1(Component, components)), err
}

func documentsV1(of Kind, rows []rowV1) []Document {
	var found []Document
	for _, row := range rows {
		found = append(found, Document{of, strconv.FormatInt(row.ID, 10), row.text})
	}
	return found
}

// Delete implements [Outsider].
func (o *V1) Delete(ctx context.Context, d Document) error {
	collection := v1APIs
	if d.Kind == Component {
		collection = v1Components
	}
	return o.deleteRow(ctx, collection, d.ID)
}

// Sweep implements [Outsider]. It deletes the registry entries, and then the labels: neither may be in use.
func (o *V1) Sweep(ctx context.Context) error {
	for _, of := range []struct {
		collection string
		own        func(*rowV1) bool
	}{
		{v1Registries, o.isRegistry},
		{v1Labels, func(r *rowV1) bool { return strings.Contains(r.Value, o.name) }},
	} {
		rows, err := o.rows(ctx, of.collection, of.own)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := o.deleteRow(ctx, of.collection, strconv.FormatInt(row.ID, 10)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Adoptable implements [Outsider].
func (o *V1) Adoptable(ctx context.Context, key component.Key) error {
	return o.Do(ctx, registry.Request{Method: http.MethodPost, Path: v1Components, Body: map[string]any{
		"registry_name": o.name, "name": key.Name, "label_ids": []int64{},
	}}, nil)
}

// Overwrite implements [Outsider]. It removes the labels, and with them the owner's.
func (o *V1) Overwrite(ctx context.Context, key component.Key) error {
	found, err := o.Documents(ctx, key.Name)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Kind == Component {
			body := map[string]any{"label_ids": []int64{}}
			err = o.Do(ctx, registry.Request{Method: http.MethodPut, Path: v1Components + "{id}", ID: d.ID, Body: body}, nil)
		}
	}
	return err
}

// registries returns the registry entries that the outsider reaches.
func (o *V1) registries(ctx context.Context) ([]rowV1, error) {
	return o.rows(ctx, v1Registries, o.isRegistry)
}

func (o *V1) isRegistry(r *rowV1) bool { return strings.HasPrefix(r.Name, o.name) }

// rows reads the selected rows of a collection, which the registry may filter by pairs of parameter and value.
func (o *V1) rows(ctx context.Context, collection string, selected func(*rowV1) bool, filter ...string) (rows []rowV1, err error) {
	pages := registry.Pages[rowV1]{Path: collection, Offset: "skip", Limit: "limit", Size: v1PageSize, ID: func(r *rowV1) int64 { return r.ID }}
	steady, err := pages.Where(filter...).Read(ctx, o.NewSession(), registry.Rows[rowV1]{
		Begin: func() { rows = nil },
		Row: func(r *rowV1) {
			if selected(r) {
				rows = append(rows, *r)
			}
		},
	})
	if err == nil && !steady {
		err = registry.Conflict("GET "+collection, "the rows change while they are read: try again")
	}
	return rows, err
}

func (o *V1) deleteRow(ctx context.Context, collection, id string) error {
	err := o.Do(ctx, registry.Request{Method: http.MethodDelete, Path: collection + "{id}", ID: id}, nil)
	if registry.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
