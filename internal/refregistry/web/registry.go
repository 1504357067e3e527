package web

import "time"

// Access is what the page explains to its readers.
type Access struct {
	// Key and Tokens say what requests need: an API key, or a token.
	Key, Tokens bool
	// TMF639 is the contract of the examples; otherwise it is v1.
	TMF639 bool
}

// Registry is what the page reads.
type Registry interface {
	// Content returns everything at one moment. Slices inside it are not
	// changed afterwards, by neither side.
	Content() Content
}

// Content is the whole content of a registry, in any order.
type Content struct {
	Labels     map[int64]Label
	Registries []string // names
	Components []Component
	APIs       []API
}

// Label is referred to by its id. References may dangle.
type Label struct {
	ID         int64
	Key, Value string
}

// Component has an id other than zero. Its registry may be gone.
type Component struct {
	ID             int64
	Registry, Name string
	LabelIDs       []int64
	Changed        time.Time // of the component or one of its APIs
}

// API belongs to a component, which may be gone. Specification is empty for
// none, and so is Version, its major version, unless the registry has it.
type API struct {
	ID                          int64
	Registry, Component, Name   string
	URL, Specification, Version string
	Status                      string
	Ready                       bool
	LabelIDs                    []int64
	Changed                     time.Time
}
