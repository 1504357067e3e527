package tmf639

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"odasync/internal/refregistry/tmf639/pyjson"
	"odasync/internal/refregistry/tmf639/schema"
)

// problem is one entry of a 422's detail, with the shape of pydantic 2.
func problem(kind, msg string, input any, loc ...any) pyjson.Object {
	return pyjson.Object{}.With("type", kind).With("loc", loc).With("msg", msg).With("input", input)
}

func invalid(problems ...any) *failure {
	return &failure{http.StatusUnprocessableEntity, problems}
}

func missing(input any, loc ...any) *failure {
	return invalid(problem("missing", "Field required", input, loc...))
}

// readBody decodes a body. What it refuses is refused before the token is
// checked; that the value is an object is checked after it, by asObject.
func readBody(contentType string, raw []byte) (any, *failure) {
	if len(raw) == 0 {
		return nil, nil
	}
	if !isJSON(contentType) {
		return string(raw), nil
	}
	if !utf8.Valid(raw) {
		return nil, fail(http.StatusBadRequest, "There was an error parsing the body")
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(raw, new(json.RawMessage)); errors.As(err, &syntax) {
		at, msg := pyjson.SyntaxError(raw, syntax)
		return nil, invalid(problem("json_invalid", "JSON decode error", pyjson.Object{}, "body", at).
			With("ctx", pyjson.Object{}.With("error", msg)))
	}
	v, err := pyjson.Decode(raw)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "There was an error parsing the body")
	}
	return v, nil
}

func asObject(v any) (pyjson.Object, *failure) {
	switch v := v.(type) {
	case pyjson.Object:
		return v, nil
	case nil:
		return nil, missing(nil, "body")
	}
	return nil, invalid(problem("dict_type", "Input should be a valid dictionary", v, "body"))
}

// isJSON reports whether a body of the content type is read as JSON; one without a type is.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// validate is POST's check.
func validate(document pyjson.Object) *failure {
	violations := schema.Violations(document)
	if len(violations) == 0 {
		return nil
	}
	list := make([]any, len(violations))
	for i, violation := range violations {
		list[i] = violation
	}
	return &failure{http.StatusBadRequest, pyjson.Object{}.
		With("error", "Schema validation failed").
		With("message", "Resource creation data does not comply with TMF639 v5.0.0 specification").
		With("violations", list)}
}
