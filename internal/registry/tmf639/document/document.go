package document

import (
	"github.com/go-json-experiment/json/jsontext"
)

// Path is that of all documents in the API. The registry has no path prefix, and a trailing slash is answered with a redirect.
const Path = "/resource"

// The categories of documents, which are the ids of their specifications too.
const (
	categoryComponent = "ODAComponent"
	categoryAPI       = "API"
)

// The constants of documents.
const (
	typeResource       = "LogicalResource"
	typeCharacteristic = "Characteristic"
	typeStub           = "ResourceRef"
	exposedBy          = "exposedBy"
)

// Document is the desired state of one resource, with its fields in the order in which the Canvas's own collector writes
// them. What is unknown is absent: the registry accepts no null.
type Document struct {
	ID                  string           `json:"id"`
	ResourceVersion     string           `json:"resourceVersion,omitzero"`
	Type                string           `json:"@type"`
	BaseType            string           `json:"@baseType"`
	Name                string           `json:"name"`
	Description         string           `json:"description"`
	Category            string           `json:"category"`
	Specification       specification    `json:"resourceSpecification"`
	Characteristics     []characteristic `json:"resourceCharacteristic"`
	ResourceStatus      string           `json:"resourceStatus"`
	OperationalState    string           `json:"operationalState"`
	AdministrativeState string           `json:"administrativeState"`
	UsageState          string           `json:"usageState"`
	StartDate           string           `json:"startDate,omitzero"`
	// Relationships is the link of an API to its Component; a Component has none.
	Relationships []relationship `json:"resourceRelationship,omitzero"`

	Digest string `json:"-"` // of everything but the mark and the addresses; see seal
}

type specification struct {
	Type    string `json:"@type"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version,omitzero"`
}

type characteristic struct {
	Type  string         `json:"@type"`
	Name  string         `json:"name"`
	Value jsontext.Value `json:"value,omitzero"`
}

type relationship struct {
	Type             string      `json:"@type"`
	RelationshipType string      `json:"relationshipType"`
	ID               string      `json:"id"`
	Resource         resourceRef `json:"resource"`
}

type resourceRef struct {
	Type string `json:"@type"`
	ID   string `json:"id"`
	Href string `json:"href,omitzero"`
}
