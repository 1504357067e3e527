package v1

import (
	"fmt"
	"strings"
)

type (
	APIView       = apiView
	ComponentView = componentView
)

// Operations lists the routes in the notation of testdata/v1.json.
func Operations() []string {
	var operations []string
	for _, rt := range new(Service).routes() {
		operations = append(operations, rt.method+" "+strings.ReplaceAll(rt.path, "{id}", "{"+rt.id+"}"))
	}
	return operations
}

// RequestSchemas describes the validated fields in the notation of testdata/v1.json.
func RequestSchemas() map[string]map[string]string {
	describe := func(fields []field) map[string]string {
		out := map[string]string{}
		for _, f := range fields {
			var s string
			switch {
			case f.kind == enum:
				s = "enum " + strings.Join(f.values, ",")
			case f.kind == integers:
				s = "list integer"
			case f.max > 0:
				s = fmt.Sprintf("text %d..%d", f.min, f.max)
			default:
				s = "text"
			}
			if f.required {
				s += " required"
			}
			out[f.name] = s
		}
		return out
	}
	return map[string]map[string]string{
		"LabelCreate": describe(labelFields), "LabelUpdate": describe(partial(labelFields)),
		"RegistryCreate": describe(registryFields), "RegistryUpdate": describe(partial(registryFields)),
		"ComponentCreate": describe(componentFields), "ComponentUpdate": describe(partial(componentFields)),
		"ExposedAPICreate": describe(apiFields), "ExposedAPIUpdate": describe(apiStatusFields),
	}
}
