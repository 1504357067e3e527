package component

import "time"

// Observation is what a source saw of one Component at one moment.
type Observation struct {
	Namespace string
	Name      string
	// UID and ResourceVersion are the API server's; the version is an opaque string and may exceed 2^53.
	UID             string
	ResourceVersion string
	// Source is a digest of the resource as the source read it; 0 where it has none.
	Source uint64
	// Seen is when the source received it.
	Seen time.Time
	// Deleted says that the source reported the removal explicitly. Component is nil then.
	Deleted bool
	// Component is the content; nil when Deleted or when Err is set.
	Component *Component
	// Err says why the resource could not be read. Such a Component exists: it is neither published nor absent.
	Err error
}

// FieldError says which field of a resource could not be read, and why.
type FieldError struct {
	Field   string // path within the resource, such as spec.coreFunction.exposedAPIs[2].name
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }
