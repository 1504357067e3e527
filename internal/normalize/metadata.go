package normalize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"odasync/internal/component"
)

// Limits for the fields of componentMetadata that are kept as JSON: their number, and their names and values in bytes. Every syncer
// and registry repeats them.
const (
	maxUntypedFields = 64
	maxUntypedSize   = 64 << 10
)

// metadata reads the description of the component: componentMetadata if it exists, else the bare spec, whose status is then that
// of the description.
func (r *reader) metadata(spec map[string]any) component.Metadata {
	fields := spec
	own := r.object(spec, "componentMetadata")
	if own != nil {
		fields = own
		r.enter("componentMetadata")
		defer r.leave()
	}
	return component.Metadata{
		ID:                  r.text(fields, "id"),
		Name:                r.text(fields, "name"),
		Version:             r.text(fields, "version"),
		Description:         r.text(fields, "description"),
		FunctionalBlock:     r.text(fields, "functionalBlock"),
		PublicationDate:     r.text(fields, "publicationDate"),
		Status:              r.text(fields, "status"),
		Maintainers:         r.people(fields, "maintainers"),
		Owners:              r.people(fields, "owners"),
		ETOM:                r.texts(fields, "eTom"),
		SID:                 r.texts(fields, "SID"),
		FunctionalFramework: r.texts(fields, "functionalFramework"),
		Fields:              r.untypedFields(own),
	}
}

// people reads a list of {name, email}; a text is a name.
func (r *reader) people(fields map[string]any, key string) []component.Person {
	var people []component.Person
	r.each(fields, key, func(item any) {
		var person component.Person
		if described, ok := item.(map[string]any); ok {
			person.Name = r.text(described, "name")
			person.Email = r.text(described, "email")
		} else {
			person.Name = r.scalar(item)
		}
		if person != (component.Person{}) {
			people = append(people, person)
		}
	})
	return people
}

// typedFields says of each field of component.Metadata whether it holds a value of the resource as it is written.
var typedFields = map[string]func(value any) bool{
	"id": isText, "name": isText, "version": isText, "description": isText, "functionalBlock": isText,
	"publicationDate": isText, "status": isText, "maintainers": arePeople, "owners": arePeople,
	"eTom": areTexts, "SID": areTexts, "functionalFramework": areTexts,
}

func isText(value any) bool {
	_, ok := value.(string)
	return ok
}

func areTexts(value any) bool {
	return isListOf(value, func(item any) bool { return isText(item) && !isEmpty(item) })
}

func arePeople(value any) bool {
	return isListOf(value, func(item any) bool {
		person, ok := item.(map[string]any)
		for key, value := range person {
			ok = ok && (key == "name" || key == "email") && isText(value) && !isEmpty(value)
		}
		return ok && len(person) > 0
	})
}

func isListOf(value any, is func(item any) bool) bool {
	list, ok := value.([]any)
	return ok && !slices.ContainsFunc(list, func(item any) bool { return !is(item) })
}

// untypedFields returns the fields of componentMetadata that have a value which the typed fields do not hold as it is written.
func (r *reader) untypedFields(described map[string]any) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	size := 0
	for _, key := range slices.Sorted(maps.Keys(described)) { // so that the same problem is reported every time
		value := described[key]
		holds, typed := typedFields[key]
		if isEmpty(value) || typed && holds(value) {
			continue
		}
		body, err := canonicalJSON(value)
		if err != nil {
			r.enter(key)
			r.fail("must be JSON, not " + kindOf(value))
			r.leave()
		}
		fields[key] = body
		size += len(key) + len(body)
		if len(fields) > maxUntypedFields || size > maxUntypedSize {
			r.fail(fmt.Sprintf("has more than %d fields or %d KiB beyond the usual ones", maxUntypedFields, maxUntypedSize>>10))
			return nil
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// canonicalJSON returns JSON with sorted keys and without the escapes for HTML.
func canonicalJSON(value any) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), err
}
