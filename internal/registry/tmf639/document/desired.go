package document

import (
	"cmp"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// deployed is the deployment status of a component that is up.
const deployed = "Complete"

// Desire maps a component to its documents: the Component, then its APIs. The configuration has the defaults of the API.
func Desire(cfg registry.Config, key component.Key, c *component.Component) []Document {
	id := ComponentID(cfg, key)
	documents := []Document{desireComponent(cfg, key, c)}
	documents[0].ID = id
	taken := map[string]bool{inName.Replace(key.Name): true}
	for _, segment := range component.Segments() {
		if !slices.Contains(cfg.Segments, segment) {
			continue
		}
		for i := range c.ExposedAPIs {
			if api := &c.ExposedAPIs[i]; api.Segment == segment {
				d := desireAPI(key, c, api)
				d.Name = uniqueName(key, api, taken)
				d.ID = Prefix(cfg, key.Cluster) + ":" + apiEntryName(cfg, key, d.Name)
				d.Relationships = []relationship{{
					Type: "ResourceRelationship", RelationshipType: exposedBy, ID: "expby_" + key.Name, Resource: resourceRef{Type: typeStub, ID: id},
				}}
				documents = append(documents, d)
			}
		}
	}
	for i := range documents {
		documents[i].seal(key, cfg.Address())
	}
	return documents
}

// apiEntryName names an API as its component is named: with the namespace or without.
func apiEntryName(cfg registry.Config, key component.Key, name string) string {
	return EntryName(cfg, component.Key{Cluster: key.Cluster, Namespace: key.Namespace, Name: name})
}

func desireComponent(cfg registry.Config, key component.Key, c *component.Component) Document {
	d := newDocument(categoryComponent, "ODA Component", c.DeploymentStatus == deployed)
	d.Name, d.Description, d.StartDate = key.Name, "ODA Component: "+key.Name, c.Created
	d.set("namespace", text(key.Namespace))
	d.set("deploymentStatus", text(cmp.Or(c.DeploymentStatus, "Unknown")))
	for _, field := range c.Metadata.All() {
		d.set(field.Name, portable(field.Value))
	}
	if cfg.Dependencies && len(c.DependentAPIs) > 0 {
		d.set("dependentAPIs", encode(dependencies(c)))
	}
	return d
}

func desireAPI(key component.Key, c *component.Component, api *component.ExposedAPI) Document {
	d := newDocument(categoryAPI, "API", api.Ready)
	d.Description, d.StartDate = "Exposed API: "+api.Entry, c.Created
	d.Specification.Version = api.Version
	d.set("namespace", text(key.Namespace))
	d.set("apiName", text(api.Entry))
	d.set("apiType", text(api.Type))
	d.set("url", text(publicURL(key, api)))
	d.set("implementation", text(api.Implementation))
	if documents := specifications(api.Specifications); len(documents) > 0 {
		d.set("specification", encode(documents))
	}
	d.set("apiDocs", text(api.DeveloperUI))
	return d
}

// newDocument returns a document with everything that documents of the category have in common. The last two states have
// one value: nothing in a Canvas locks a component or leaves it idle.
func newDocument(category, name string, up bool) Document {
	d := Document{
		Type: typeResource, BaseType: "Resource", Category: category,
		Specification:  specification{Type: "ResourceSpecificationRef", ID: category, Name: name},
		ResourceStatus: "standby", OperationalState: "disable", AdministrativeState: "unlocked", UsageState: "active",
	}
	if up {
		d.ResourceStatus, d.OperationalState = "available", "enable"
	}
	return d
}

// set adds a characteristic; an unknown value leaves it without one.
func (d *Document) set(name string, value []byte) {
	d.Characteristics = append(d.Characteristics, characteristic{Type: typeCharacteristic, Name: name, Value: value})
}

// publicURL leaves out the address within the cluster that replaces one that the Canvas has not assigned yet: readers of
// the registry may be elsewhere.
func publicURL(key component.Key, api *component.ExposedAPI) string {
	if !api.Ready && strings.HasPrefix(api.URL, "http://"+api.Implementation+"."+key.Namespace+".svc") {
		return ""
	}
	return api.URL
}

// specificationDocument is one element of the characteristic that the Canvas's dependent-API operator looks APIs up by: it
// finds them by the URL of an element of an array.
type specificationDocument struct {
	URL     string `json:"url"`
	Version string `json:"version,omitzero"`
}

func specifications(all []component.Specification) []specificationDocument {
	var documents []specificationDocument
	for _, s := range all {
		if s.URL != "" {
			documents = append(documents, specificationDocument(s))
		}
	}
	return documents
}

// dependency is one element of the characteristic dependentAPIs.
type dependency struct {
	Name           string                  `json:"name"`
	Segment        component.Segment       `json:"segment"`
	Type           string                  `json:"apiType,omitzero"`
	Specifications []specificationDocument `json:"specification,omitzero"`
	URL            string                  `json:"url,omitzero"`
	Ready          bool                    `json:"ready"`
}

func dependencies(c *component.Component) []dependency {
	var all []dependency
	for _, d := range c.DependentAPIs {
		all = append(all, dependency{d.Name, d.Segment, d.Type, specifications(d.Specifications), d.URL, d.Ready})
	}
	return all
}
