package testenv

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Document is what a TMF639 registry has under an id, as far as it is compared: the rest follows from the mapping, which the
// adapter's own tests compare with captured documents.
type Document struct {
	ID, Category, Name, Status string
	Version                    string // of a Component
	URL                        string // of an API
	Links                      string // relationships, with their targets
}

// Documents returns the documents that a TMF639 registry should have for the objects, sorted by id.
func (m Mapping) Documents(objects []unstructured.Unstructured) []Document {
	var all []Document
	for _, object := range objects {
		about := object.Object["spec"].(map[string]any)
		if inner, ok := about["componentMetadata"].(map[string]any); ok {
			about = inner
		}
		owner := Document{ID: "self:" + object.GetName(), Category: "ODAComponent", Name: object.GetName(), Status: "standby", Version: scalar(about["version"])}
		if status, _, _ := unstructured.NestedString(object.Object, "status", "summary/status", "deployment_status"); status == "Complete" {
			owner.Status = "available"
		}
		all = append(all, owner)
		for _, segment := range []string{"core", "management", "security"} {
			for _, api := range exposedAPIs(object, segment) {
				api.Links = "exposedBy " + owner.ID
				all = append(all, api)
			}
		}
	}
	slices.SortFunc(all, func(a, b Document) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// exposedAPIs returns the documents of a segment's APIs, without their links.
func exposedAPIs(object unstructured.Unstructured, segment string) []Document {
	var all []Document
	for _, api := range apisOf(object, segment) {
		document := Document{ID: "self:" + api.object, Category: "API", Name: api.object, Status: "standby", URL: api.assigned}
		if api.state == "ready" {
			document.Status = "available"
		}
		all = append(all, document)
	}
	return all
}

// DocumentsOf returns the documents of a TMF639 registry, sorted by id.
func DocumentsOf(r *Registry) ([]Document, error) {
	var all []Document
	for _, resource := range r.Resources() {
		var read struct {
			Name            string
			Category        string
			Status          string `json:"resourceStatus"`
			Characteristics []struct {
				Name  string
				Value json.RawMessage
			} `json:"resourceCharacteristic"`
		}
		if err := json.Unmarshal(resource.Document, &read); err != nil {
			return nil, fmt.Errorf("document %s: %w", resource.ID, err)
		}
		document := Document{ID: resource.ID, Category: read.Category, Name: read.Name, Status: read.Status}
		for _, c := range read.Characteristics {
			var text string
			if json.Unmarshal(c.Value, &text) != nil {
				continue // a list, or no value
			}
			switch {
			case c.Name == "version" && read.Category == "ODAComponent":
				document.Version = text
			case c.Name == "url" && read.Category == "API":
				document.URL = text
			}
		}
		var links []string
		for _, link := range resource.Links {
			links = append(links, link.Type+" "+link.Target)
		}
		document.Links = strings.Join(links, ", ")
		all = append(all, document)
	}
	slices.SortFunc(all, func(a, b Document) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// CheckDocuments returns an error when a TMF639 registry does not have exactly the documents of the cluster's present Components.
func (env *Env) CheckDocuments(r *Registry) error {
	env.Helper()
	got, err := DocumentsOf(r)
	if err != nil {
		return err
	}
	if diff := gocmp.Diff(env.Mapping.Documents(env.Objects()), got); diff != "" {
		return fmt.Errorf("the registry differs from the cluster (-cluster +registry):\n%s", diff[:min(len(diff), 4000)])
	}
	return nil
}

// AwaitDocuments waits until a TMF639 registry has exactly the documents of the cluster's present Components.
func (env *Env) AwaitDocuments(r *Registry, limit time.Duration) {
	env.Helper()
	env.Eventually(limit, "TMF639 registry in sync with the cluster", func() error { return env.CheckDocuments(r) })
}
