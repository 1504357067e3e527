package tmf639

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// problem is one entry of a 422's detail, with the shape of pydantic 2.
func problem(kind, msg string, input any, loc ...any) object {
	return object{{"type", kind}, {"loc", loc}, {"msg", msg}, {"input", input}}
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
		at, msg := pythonError(raw, syntax)
		return nil, invalid(append(problem("json_invalid", "JSON decode error", object{}, "body", at),
			member{"ctx", object{{"error", msg}}}))
	}
	v, err := decode(raw)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "There was an error parsing the body")
	}
	return v, nil
}

func asObject(v any) (object, *failure) {
	switch v := v.(type) {
	case object:
		return v, nil
	case nil:
		return nil, missing(nil, "body")
	}
	return nil, invalid(problem("dict_type", "Input should be a valid dictionary", v, "body"))
}

// pythonError translates a syntax error: where Python's decoder stops, in
// characters, and what it expects there.
func pythonError(raw []byte, syntax *json.SyntaxError) (int, string) {
	// The offset is the number of bytes read, the offending one included; a
	// document cut short has no offending one.
	at := int(syntax.Offset)
	text := syntax.Error()
	if !strings.HasPrefix(text, "unexpected end") {
		at--
	}
	before := strings.TrimRight(string(raw[:at]), " \t\r\n")
	pos := utf8.RuneCount(raw[:at])
	switch {
	case strings.Contains(text, "object key string"), strings.HasSuffix(before, "{"):
		return pos, "Expecting property name enclosed in double quotes"
	case strings.Contains(text, "after object key:value"), strings.Contains(text, "after array element"):
		return pos, "Expecting ',' delimiter"
	case strings.Contains(text, "after object key"):
		return pos, "Expecting ':' delimiter"
	case strings.Contains(text, "after top-level value"):
		return pos, "Extra data"
	}
	return pos, "Expecting value"
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
