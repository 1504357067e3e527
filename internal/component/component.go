package component

// Component is the normalized content of one ODA Component resource. Its JSON form is the body of an event.
// A field is empty where the resource does not set it.
type Component struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`

	// Terminating is whether the resource is being deleted and waits for its finalizers.
	Terminating bool `json:"terminating,omitempty"`

	// Labels are the labels of the resource that are for a registry: keys under oda.tmforum.org/ (with the
	// prefix) and the plain keys version, team and domain.
	Labels map[string]string `json:"labels,omitempty"`

	// Metadata is the specification's own description of the component.
	Metadata Metadata `json:"metadata"`

	// DeploymentStatus is set by the Canvas operators, such as Complete or In-Progress-IDConfOp.
	DeploymentStatus string `json:"deploymentStatus,omitempty"`

	// Created is metadata.creationTimestamp as the API server writes it, RFC 3339 in UTC with seconds.
	Created string `json:"created,omitempty"`

	// ExposedAPIs are sorted by segment and name; a name is unique within its segment.
	ExposedAPIs []ExposedAPI `json:"exposedAPIs,omitempty"`

	// DependentAPIs are the APIs of other components that this one needs, sorted by segment and name.
	DependentAPIs []DependentAPI `json:"dependentAPIs,omitempty"`
}
