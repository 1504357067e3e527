package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"k8s.io/apimachinery/pkg/util/validation"
	kubejson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"odasync/internal/component"
	"odasync/internal/normalize"
)

// kind is the kind of a Component in every version.
const kind = "Component"

// defaultNamespace is the namespace of a manifest without one, as for kubectl.
const defaultNamespace = "default"

// document is a part of a file.
type document struct {
	line int // its first, counted from 1
	body []byte
}

// found is a Component and its location.
type found struct {
	path  string
	where string // within the file
	seen  component.Observation
}

// Parse returns the Components of the API group in the content of a file, in any namespace, or an error if a document that may be
// a Component cannot be read.
func Parse(group string, content []byte) ([]component.Observation, error) {
	scope, err := component.ParseScope(component.AllNamespaces)
	if err != nil {
		return nil, err
	}
	all, err := (&Source{group: group, scope: scope, log: zerolog.Nop()}).parse("", content)
	seen := make([]component.Observation, len(all))
	for i, one := range all {
		seen[i] = one.seen
	}
	return seen, err
}

// parse returns the Components of a file, or an error if a document that may be a Component cannot be read.
func (s *Source) parse(path string, content []byte) ([]*found, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	switch {
	case len(bytes.TrimSpace(content)) == 0: // such as while it is being written
		return nil, errors.New("the file is empty: delete it to delete its Components")
	case !utf8.Valid(content):
		return nil, errors.New("the file is not UTF-8 text")
	}
	var all []*found
	for _, d := range split(content) {
		where := fmt.Sprintf("document at line %d", d.line)
		value, err := d.decode()
		if err == nil && value != nil {
			err = s.collect(value, where, func(where string, seen component.Observation) {
				all = append(all, &found{path: path, where: where, seen: seen})
			})
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	return all, nil
}

// split splits at the markers of YAML documents. The line of a marker belongs to the document that follows, which may begin on
// it.
func split(content []byte) (all []document) {
	start, startLine, at, line := 0, 1, 0, 1
	end := func(next, nextLine int) {
		if body := content[start:at]; len(bytes.TrimSpace(body)) > 0 {
			all = append(all, document{line: startLine, body: body})
		}
		start, startLine = next, nextLine
	}
	for text := range bytes.Lines(content) {
		switch marker := text[:min(3, len(text))]; {
		case len(bytes.TrimLeft(text[len(marker):min(4, len(text))], " \t\r\n")) > 0: // the start of a longer text
		case string(marker) == "---":
			end(at, line)
		case string(marker) == "...": // the parser would ignore the rest
			end(at+len(text), line+1)
		}
		at += len(text)
		line++
	}
	end(at, line)
	return all
}

// decode returns the value as an API server does: integers up to 64 bits are exact, and duplicate fields are an error.
func (d document) decode() (value any, err error) {
	body := d.body
	if !json.Valid(body) { // JSON has escapes that YAML lacks
		if body, err = yaml.YAMLToJSONStrict(d.body); err != nil {
			// Parsed again after as many empty lines as precede it in the file, so that the error has the lines of the file.
			_, err = yaml.YAMLToJSONStrict(append(bytes.Repeat([]byte("\n"), d.line-1), d.body...))
			return nil, errors.New(strings.Join(strings.Fields(err.Error()), " "))
		}
	}
	twice, err := kubejson.UnmarshalStrict(body, &value)
	return value, errors.Join(append(twice, err)...)
}

// collect calls each with the Components of a document or of an item of a List, and their locations.
func (s *Source) collect(value any, where string, each func(string, component.Observation)) error {
	object, isObject := value.(map[string]any)
	if !isObject {
		return errors.New("it must be an object such as a Component: rename a file that is no manifest")
	}
	apiVersion, _ := object["apiVersion"].(string)
	kindOf, _ := object["kind"].(string)
	itemKind, isList := strings.CutSuffix(kindOf, "List")
	if items, ok := object["items"].([]any); ok && isList {
		for i, item := range items {
			if fields, ok := item.(map[string]any); ok && itemKind != "" && fields["kind"] == nil {
				fields["apiVersion"], fields["kind"] = apiVersion, itemKind // given once for all items
			}
			if err := s.collect(item, fmt.Sprintf("%s, item %d", where, i+1), each); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		return nil
	}
	if (apiVersion == "") != (kindOf == "") {
		return errors.New("it has only one of apiVersion and kind")
	}
	if ofGroup, _, _ := strings.Cut(apiVersion, "/"); ofGroup != s.group || kindOf != kind {
		s.log.Debug().Str("kind", kindOf).Str("api_version", apiVersion).Str("where", where).Msg("not a Component, ignored")
		return nil
	}
	if object["metadata"] == nil {
		object["metadata"] = map[string]any{}
	}
	if meta, ok := object["metadata"].(map[string]any); ok && (meta["namespace"] == nil || meta["namespace"] == "") {
		meta["namespace"] = defaultNamespace
	}
	seen := normalize.Component(object)
	if seen.Err != nil && (seen.Namespace == "" || seen.Name == "") {
		return seen.Err
	}
	if problems := slices.Concat(validation.IsDNS1123Subdomain(seen.Name), validation.IsDNS1123Label(seen.Namespace)); len(problems) > 0 {
		return fmt.Errorf("a cluster would reject %q in namespace %q: %s", seen.Name, seen.Namespace, problems[0])
	}
	if !s.scope.Contains(seen.Namespace) {
		s.log.Debug().Str("namespace", seen.Namespace).Str("component", seen.Name).Msg("not in KUBERNETES_NAMESPACE, ignored")
		return nil
	}
	seen.UID, seen.ResourceVersion = "", "" // of the cluster of an exported manifest
	each(where, seen)
	return nil
}
