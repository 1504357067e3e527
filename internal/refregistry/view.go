package refregistry

import "errors"

// The views are v1's response bodies, with its order of properties; a label's
// is its row.
type registryView struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	URL       string     `json:"url"`
	ID        int64      `json:"id"`
	CreatedAt string     `json:"created_at"`
	Labels    []labelRow `json:"labels"`
}

type componentView struct {
	RegistryName string        `json:"registry_name"`
	Name         string        `json:"name"`
	ID           int64         `json:"id"`
	CreatedAt    string        `json:"created_at"`
	Registry     *registryView `json:"registry"`
	Labels       []labelRow    `json:"labels"`
}

// apiView's component is always null: the contract has it optional, so no
// client may depend on it.
type apiView struct {
	RegistryName  string         `json:"registry_name"`
	ComponentName string         `json:"component_name"`
	Name          string         `json:"name"`
	URL           string         `json:"url"`
	Specification *string        `json:"oas_specification"`
	Status        string         `json:"status"`
	ID            int64          `json:"id"`
	CreatedAt     string         `json:"created_at"`
	Registry      *registryView  `json:"registry"`
	Component     *componentView `json:"component"`
	Labels        []labelRow     `json:"labels"`
}

// viewer turns rows into views within one transaction.
type viewer struct {
	tables *tables
	nested map[string]*registryView // by name, as shown inside other items
	// bare leaves the label lists empty, as v1's answers to a creation do
	// whatever labels were set.
	bare bool
}

func newViewer(t *tables) *viewer {
	return &viewer{tables: t, nested: map[string]*registryView{}}
}

func newBareViewer(t *tables) *viewer {
	v := newViewer(t)
	v.bare = true
	return v
}

func (v *viewer) label(row labelRow) (labelRow, error) { return row, nil }

func (v *viewer) registry(row registryRow) (registryView, error) {
	labels, err := v.labels(row.LabelIDs)
	return registryView{
		Name: row.Name, Type: row.Type, URL: row.URL, ID: row.ID, CreatedAt: row.CreatedAt, Labels: labels,
	}, err
}

func (v *viewer) component(row componentRow) (componentView, error) {
	labels, err := v.labels(row.LabelIDs)
	if err != nil {
		return componentView{}, err
	}
	registry, err := v.within(row.Registry)
	return componentView{
		RegistryName: row.Registry, Name: row.Name, ID: row.ID, CreatedAt: row.CreatedAt,
		Registry: registry, Labels: labels,
	}, err
}

func (v *viewer) api(row apiRow) (apiView, error) {
	labels, err := v.labels(row.LabelIDs)
	if err != nil {
		return apiView{}, err
	}
	registry, err := v.within(row.Registry)
	return apiView{
		RegistryName: row.Registry, ComponentName: row.Component, Name: row.Name, URL: row.URL,
		Specification: row.Specification, Status: row.Status, ID: row.ID, CreatedAt: row.CreatedAt,
		Registry: registry, Labels: labels,
	}, err
}

// labels resolves ids; those of deleted labels dangle and are left out.
func (v *viewer) labels(ids []int64) ([]labelRow, error) {
	if v.bare {
		return []labelRow{}, nil
	}
	labels := make([]labelRow, 0, len(ids))
	for _, id := range ids {
		label, err := v.tables.labels.get(id)
		if errors.Is(err, errNoRow) {
			continue
		}
		if err != nil {
			return nil, err
		}
		labels = append(labels, label)
	}
	return labels, nil
}

// within shows the registry of a component or API: without its labels, and
// null once there is none of that name.
func (v *viewer) within(name string) (*registryView, error) {
	if shown, ok := v.nested[name]; ok {
		return shown, nil
	}
	row, err := v.tables.registries.find(pair{name, ""})
	if errors.Is(err, errNoRow) {
		v.nested[name] = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	shown := &registryView{
		Name: row.Name, Type: row.Type, URL: row.URL, ID: row.ID, CreatedAt: row.CreatedAt, Labels: []labelRow{},
	}
	v.nested[name] = shown
	return shown, nil
}
