package v1

// The views are v1's response bodies, with its order of properties; a label's
// is its row.
type registryView struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	URL       string     `json:"url"`
	ID        int64      `json:"id"`
	CreatedAt string     `json:"created_at"`
	Labels    []LabelRow `json:"labels"`
}

type componentView struct {
	RegistryName string        `json:"registry_name"`
	Name         string        `json:"name"`
	ID           int64         `json:"id"`
	CreatedAt    string        `json:"created_at"`
	Registry     *registryView `json:"registry"`
	Labels       []LabelRow    `json:"labels"`
}

// apiView's component is always null: it is optional in the contract, so no
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
	Labels        []LabelRow     `json:"labels"`
}

// viewer turns rows into views within one transaction.
type viewer struct {
	tables *Tables
	nested map[string]*registryView // by name, as they appear inside other items
	// bare leaves the label lists empty, as in v1's answers to creations.
	bare bool
}

func newViewer(t *Tables) *viewer { return &viewer{tables: t, nested: map[string]*registryView{}} }

func newBareViewer(t *Tables) *viewer {
	v := newViewer(t)
	v.bare = true
	return v
}

func (v *viewer) registry(row RegistryRow) registryView {
	return registryView{
		Name: row.Name, Type: row.Type, URL: row.URL, ID: row.ID, CreatedAt: row.CreatedAt, Labels: v.labels(row.LabelIDs),
	}
}

func (v *viewer) component(row ComponentRow) componentView {
	return componentView{
		RegistryName: row.Registry, Name: row.Name, ID: row.ID, CreatedAt: row.CreatedAt,
		Registry: v.within(row.Registry), Labels: v.labels(row.LabelIDs),
	}
}

func (v *viewer) api(row APIRow) apiView {
	return apiView{
		RegistryName: row.Registry, ComponentName: row.Component, Name: row.Name, URL: row.URL,
		Specification: row.Specification, Status: row.Status, ID: row.ID, CreatedAt: row.CreatedAt,
		Registry: v.within(row.Registry), Labels: v.labels(row.LabelIDs),
	}
}

// labels resolves ids and leaves out those of deleted labels.
func (v *viewer) labels(ids []int64) []LabelRow {
	if v.bare {
		return []LabelRow{}
	}
	labels := make([]LabelRow, 0, len(ids))
	for _, id := range ids {
		if label, ok := v.tables.Labels.Get(id); ok {
			labels = append(labels, label)
		}
	}
	return labels
}

// within returns the registry of a component or API: without its labels, and
// null once there is none of that name.
func (v *viewer) within(name string) *registryView {
	view, ok := v.nested[name]
	if !ok {
		if row, exists := v.tables.Registries.Find(Pair{First: name}); exists {
			row.LabelIDs = nil
			registry := v.registry(row)
			view = &registry
		}
		v.nested[name] = view
	}
	return view
}
