package v1

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"odasync/internal/registry"
)

// The paths of the v1 API. The trailing slashes matter: without them the registry answers with a redirect.
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

// NewMetrics registers the metrics of the requests that the adapter sends.
func NewMetrics(registerer prometheus.Registerer) *registry.Metrics {
	var known []registry.Request
	for path, methods := range map[string][]string{
		pathHealth:     {http.MethodGet},
		pathRegistries: {http.MethodGet, http.MethodPost},
		pathRegistry:   {http.MethodGet, http.MethodPut},
		pathLabels:     {http.MethodGet, http.MethodPost},
		pathComponents: {http.MethodGet, http.MethodPost},
		pathComponent:  {http.MethodGet, http.MethodPut, http.MethodDelete},
		pathAPIs:       {http.MethodGet, http.MethodPost},
		pathAPI:        {http.MethodPut, http.MethodDelete},
		pathAPIStatus:  {http.MethodPatch},
	} {
		for _, method := range methods {
			known = append(known, registry.Request{Method: method, Path: path})
		}
	}
	return registry.NewMetrics(registerer, known...)
}

// pageSize is the most rows that the registry returns at once; it returns 100 when not asked.
const pageSize = 1000

// The collections.
var (
	labelPages     = pages(pathLabels, func(row *wireLabel) int64 { return row.ID })
	registryPages  = pages(pathRegistries, func(row *wireRegistry) int64 { return row.ID })
	componentPages = pages(pathComponents, func(row *wireComponent) int64 { return row.ID })
	apiPages       = pages(pathAPIs, func(row *wireAPI) int64 { return row.ID })
)

func pages[T any](path string, id func(*T) int64) registry.Pages[T] {
	return registry.Pages[T]{Path: path, Offset: "skip", Limit: "limit", Size: pageSize, ID: id}
}

func get(path string, id int64) registry.Request { return item(http.MethodGet, path, id, nil) }

func put(path string, id int64, body any) registry.Request {
	return item(http.MethodPut, path, id, body)
}

func patch(path string, id int64, body any) registry.Request {
	return item(http.MethodPatch, path, id, body)
}

func remove(path string, id int64) registry.Request { return item(http.MethodDelete, path, id, nil) }

func item(method, path string, id int64, body any) registry.Request {
	return registry.Request{Method: method, Path: path, ID: strconv.FormatInt(id, 10), Body: body}
}

func post(path string, body any) registry.Request {
	return registry.Request{Method: http.MethodPost, Path: path, Body: body}
}

// The JSON of the v1 API, as far as the adapter reads or writes it.

type wireLabel struct {
	ID    int64  `json:"id"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

type wireRegistry struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	// CreatedAt is compared as text. With the id it identifies one creation of the entry.
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

// apiUpdate holds the changed fields; nil leaves a field as it is. An empty specification removes it: the registry stores
// the empty string.
type apiUpdate struct {
	URL           *string  `json:"url,omitzero"`
	Specification *string  `json:"oas_specification,omitzero"`
	Status        *string  `json:"status,omitzero"`
	LabelIDs      *[]int64 `json:"label_ids,omitzero"`
}

type apiStatus struct {
	Status string `json:"status"`
}
