package tmf639_test

import (
	"encoding/json"
	"testing"

	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

func TestService_Violations(t *testing.T) {
	const notReference = " is not valid under any of the given schemas"
	tests := []struct {
		name, document string
		want           []string
	}{
		{"unknown properties", `{"@type":"any","startDate":null,"x":null,"note":1}`, nil},
		{"dates", `{"@type":"","startOperatingDate":"never"}`, nil},
		{"characteristics", `{"@type":"R","resourceCharacteristic":[{"@type":"C","name":"a"},{"@type":"C","name":"a","value":null}]}`, nil},
		{"relationship to nothing", `{"@type":"R","resourceRelationship":[{"@type":"a","id":"b","relationshipType":"c","resource":{"@type":"d"}}]}`, nil},
		{"nothing", `{}`, []string{"Missing required field: @type"}},
		{"nulls and numbers", `{"@type":null,"id":1.0,"name":true,"resourceVersion":["it's",{"a":null}]}`, []string{
			"name: True is not of type 'string'", `resourceVersion: ["it's", {'a': None}] is not of type 'string'`,
			"@type: None is not of type 'string'", "id: 1.0 is not of type 'string'",
		}},
		{"enumerations", `{"@type":"R","usageState":"Idle","administrativeState":null}`, []string{
			"administrativeState: Invalid value. None is not one of ['locked', 'unlocked', 'shutdown']",
			"administrativeState: None is not of type 'string'",
			"usageState: Invalid value. 'Idle' is not one of ['idle', 'active', 'busy']",
		}},
		{"parts", `{"@type":"R","place":[{"id":"n"}],"resourceSpecification":{"version":1},"resourceCharacteristic":[{},3]}`, []string{
			"place.0: Missing required field: role", "place.0: Missing required field: place", "place.0: Missing required field: @type",
			"resourceCharacteristic.0: Missing required field: name", "resourceCharacteristic.0: Missing required field: @type",
			"resourceCharacteristic.1: 3 is not of type 'object'",
			"resourceSpecification.version: 1 is not of type 'string'",
			"resourceSpecification: Missing required field: id", "resourceSpecification: Missing required field: @type",
		}},
		{"relationships", `{"@type":"R","resourceRelationship":[{},{"@type":"a","id":"b","relationshipType":"c","resource":{"@type":"R","id":null}},` +
			`{"@type":"a","id":"b","relationshipType":"c","resource":{"id":"self:x"}}]}`, []string{
			"resourceRelationship.0: Missing required field: relationshipType", "resourceRelationship.0: Missing required field: resource",
			"resourceRelationship.0: Missing required field: id", "resourceRelationship.0: Missing required field: @type",
			"resourceRelationship.1.resource: {'@type': 'R', 'id': None}" + notReference,
			"resourceRelationship.2.resource: {'id': 'self:x'}" + notReference,
		}},
		{"no list", `{"@type":"R","resourceRelationship":{}}`, []string{"resourceRelationship: {} is not of type 'array'"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c := start(t)
			got := c.Do("POST", "/resource", tt.document)
			if tt.want == nil {
				registrytest.Same(t, 201, got.Status)
				return
			}
			registrytest.Same(t, 400, got.Status)
			var answer struct {
				Detail struct {
					Error, Message string
					Violations     []string
				}
			}
			testcheck.NoError(t, json.Unmarshal([]byte(got.Body), &answer))
			registrytest.Same(t, tt.want, answer.Detail.Violations)
			registrytest.Same(t, "Schema validation failed", answer.Detail.Error)
		})
	}
}
