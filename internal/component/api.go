package component

// Segment is the function block of the specification that exposes an API.
type Segment string

// The segments of an ODA Component, in the order in which they are listed.
const (
	SegmentCore       Segment = "core"
	SegmentManagement Segment = "management"
	SegmentSecurity   Segment = "security"
)

// Segments lists every segment in its order.
func Segments() []Segment { return []Segment{SegmentCore, SegmentManagement, SegmentSecurity} }

// ExposedAPI is one API of a Component in one major version. A specification entry that declares several major
// versions becomes several of them.
type ExposedAPI struct {
	// Name is the entry's name, or <entry>-<version> where the segment declares several versions of that entry.
	Name string `json:"name"`
	// Entry is the name as the specification spells it.
	Entry   string  `json:"entry"`
	Segment Segment `json:"segment"`
	// Object is the name of the ExposedAPI object in Kubernetes, as the status of the component has it; else
	// <component>-<entry>[-<version>] in lower case, as the Canvas operators name it. The versions of an entry share it where the
	// operators made one object for all.
	Object string `json:"object,omitempty"`
	// Version is the major version, such as v4; empty where it is unknown.
	Version string `json:"version,omitempty"`
	// Type is openapi, prometheus, mcp or another one of the specification.
	Type           string          `json:"type,omitempty"`
	Specifications []Specification `json:"specifications,omitempty"`
	Implementation string          `json:"implementation,omitempty"`
	// URL is absolute: the address in the status or, while there is none, the in-cluster address of the
	// implementation. It is empty where neither is known.
	URL string `json:"url,omitempty"`
	// DeveloperUI is absolute, and only known from the status.
	DeveloperUI string `json:"developerUI,omitempty"`
	// Ready is whether the status has an address for the API and reports it ready.
	Ready bool `json:"ready"`
}

// Specification is a document that describes an API.
type Specification struct {
	URL     string `json:"url,omitempty"`
	Version string `json:"version,omitempty"`
}
