package v1

import (
	"net/http"

	"odasync/internal/registry"

	"github.com/prometheus/client_golang/prometheus"
)

// The v1 registry's paths. The trailing slashes matter: without them it answers with a redirect.
const (
	pathHealth     = "/health"
	pathRegistries = "/registries/"
	pathRegistry   = "/registries/{id}"
	pathLabels     = "/labels/"
	pathComponents = "/components/"
	pathComponent  = "/components/{id}"
	pathAPIs       = "/exposed-apis/"
	pathAPI        = "/exposed-apis/{id}"
	pathAPIStatus  = "/exposed-apis/{id}/status"
)

// The JSON shapes of the v1 registry, as far as they are read or written here.

type wireLabel struct {
	ID    int64  `json:"id"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

type wireRegistry struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	// CreatedAt is compared as it stands: with the id it tells one creation of the registry from another.
	CreatedAt string `json:"created_at"`
}

type wireComponent struct {
	ID           int64         `json:"id"`
	RegistryName string        `json:"registry_name"`
	Name         string        `json:"name"`
	Registry     *wireRegistry `json:"registry"`
	// Labels is always empty in the answer to a POST.
	Labels []wireLabel `json:"labels"`
}

type wireAPI struct {
	ID            int64       `json:"id"`
	RegistryName  string      `json:"registry_name"`
	ComponentName string      `json:"component_name"`
	Name          string      `json:"name"`
	URL           string      `json:"url"`
	Specification string      `json:"oas_specification"`
	Status        string      `json:"status"`
	Labels        []wireLabel `json:"labels"`
}

type labelCreate struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type registryUpdate struct {
	URL string `json:"url"`
}

type registryCreate struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	URL      string  `json:"url"`
	LabelIDs []int64 `json:"label_ids"`
}

type componentCreate struct {
	RegistryName string  `json:"registry_name"`
	Name         string  `json:"name"`
	LabelIDs     []int64 `json:"label_ids"`
}

type componentUpdate struct {
	LabelIDs []int64 `json:"label_ids"`
}

type apiCreate struct {
	RegistryName  string  `json:"registry_name"`
	ComponentName string  `json:"component_name"`
	Name          string  `json:"name"`
	URL           string  `json:"url"`
	Specification string  `json:"oas_specification,omitempty"`
	Status        string  `json:"status"`
	LabelIDs      []int64 `json:"label_ids"`
}

// apiUpdate holds the changed fields; what is nil stays as it is. A specification is taken away by the empty string,
// which the registry stores as such.
type apiUpdate struct {
	URL           *string  `json:"url,omitzero"`
	Specification *string  `json:"oas_specification,omitzero"`
	Status        *string  `json:"status,omitzero"`
	LabelIDs      *[]int64 `json:"label_ids,omitzero"`
}

type apiStatus struct {
	Status string `json:"status"`
}

// NewMetrics registers the metrics of the requests that the adapter sends.
func NewMetrics(registerer prometheus.Registerer) *registry.Metrics {
	return registry.NewMetrics(registerer, []registry.Request{
		{Method: http.MethodGet, Path: pathHealth},
		{Method: http.MethodGet, Path: pathRegistries},
		{Method: http.MethodPost, Path: pathRegistries},
		{Method: http.MethodGet, Path: pathRegistry},
		{Method: http.MethodPut, Path: pathRegistry},
		{Method: http.MethodGet, Path: pathLabels},
		{Method: http.MethodPost, Path: pathLabels},
		{Method: http.MethodGet, Path: pathComponents},
		{Method: http.MethodPost, Path: pathComponents},
		{Method: http.MethodGet, Path: pathComponent},
		{Method: http.MethodPut, Path: pathComponent},
		{Method: http.MethodDelete, Path: pathComponent},
		{Method: http.MethodGet, Path: pathAPIs},
		{Method: http.MethodPost, Path: pathAPIs},
		{Method: http.MethodPut, Path: pathAPI},
		{Method: http.MethodDelete, Path: pathAPI},
		{Method: http.MethodPatch, Path: pathAPIStatus},
	}...)
}
