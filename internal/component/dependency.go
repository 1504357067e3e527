package component

// DependentAPI is one API of another component that a Component needs.
type DependentAPI struct {
	// Name is the name as the specification of the component spells it.
	Name    string  `json:"name"`
	Segment Segment `json:"segment"`
	// Type is openapi or another type of the specification.
	Type           string          `json:"type,omitempty"`
	Specifications []Specification `json:"specifications,omitempty"`
	// URL is the address that the Canvas operators resolved, from the status; empty while there is none.
	URL string `json:"url,omitempty"`
	// Ready is whether the status reports the dependency as resolved.
	Ready bool `json:"ready"`
}
