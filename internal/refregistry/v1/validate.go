package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

type fieldKind int

const (
	text fieldKind = iota
	enum
	integers
)

// field is one property of a request body. Lengths count characters.
type field struct {
	name     string
	kind     fieldKind
	required bool
	nullable bool
	min, max int // of a text; max 0 is unbounded
	values   []string
}

// partial turns the fields of a creation into those of an update: nothing is
// required, and null label ids mean the same as none given.
func partial(fields []field) []field {
	out := make([]field, 0, len(fields))
	for _, f := range fields {
		f.required = false
		f.nullable = f.nullable || f.kind == integers
		out = append(out, f)
	}
	return out
}

// body is a validated request body: string, []int64 or nil (a null) by name.
type body map[string]any

func (b body) text(name, otherwise string) string {
	if v, ok := b[name].(string); ok {
		return v
	}
	return otherwise
}

func (b body) ids(name string, otherwise []int64) []int64 {
	if v, ok := b[name].([]int64); ok {
		return v
	}
	return otherwise
}

// optional returns a text that may be null, which clears it.
func (b body) optional(name string, otherwise *string) *string {
	v, given := b[name]
	if !given {
		return otherwise
	}
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}

// parseBody checks a body against its fields. A failure ends the request at
// once; problems join those of path and query, as in FastAPI. Unknown
// properties are ignored.
func parseBody(contentType string, raw []byte, fields []field) (body, []problem, *failure) {
	loc := []any{"body"}
	if len(raw) == 0 {
		return nil, []problem{missing(loc)}, nil
	}
	if !isJSON(contentType) {
		return nil, []problem{notDict(loc)}, nil
	}
	if !utf8.Valid(raw) {
		return nil, nil, fail(http.StatusBadRequest, "The request body is not UTF-8")
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(raw, new(json.RawMessage)); errors.As(err, &syntax) {
		return nil, nil, &failure{http.StatusUnprocessableEntity, []problem{badJSON(raw, syntax)}}
	}
	var content any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&content); err != nil {
		panic(fmt.Sprintf("decode request body: %v", err)) // its syntax is valid
	}
	if content == nil {
		return nil, []problem{missing(loc)}, nil
	}
	properties, ok := content.(map[string]any)
	if !ok {
		return nil, []problem{notDict(loc)}, nil
	}
	var problems []problem
	values := body{}
	for _, f := range fields {
		v, given := properties[f.name]
		if !given {
			if f.required {
				problems = append(problems, missing([]any{"body", f.name}))
			}
			continue
		}
		value, found := f.check(v)
		values[f.name] = value
		problems = append(problems, found...)
	}
	return values, problems, nil
}

func (f field) check(v any) (any, []problem) {
	loc := []any{"body", f.name}
	if v == nil {
		if f.nullable {
			return nil, nil
		}
		return nil, []problem{notNone(loc)}
	}
	switch f.kind {
	case enum:
		return f.checkEnum(loc, v)
	case integers:
		return checkIntegers(loc, v)
	default:
		return f.checkText(loc, v)
	}
}

// checkText accepts numbers and booleans as text, like pydantic.
func (f field) checkText(loc []any, v any) (any, []problem) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case bool:
		s = map[bool]string{true: "True", false: "False"}[v]
	default:
		return nil, []problem{{Loc: loc, Msg: "str type expected", Type: "type_error.str"}}
	}
	n := utf8.RuneCountInString(s)
	if n < f.min {
		return nil, []problem{limited(loc, "ensure this value has at least %d characters", "value_error.any_str.min_length", f.min)}
	}
	if f.max > 0 && n > f.max {
		return nil, []problem{limited(loc, "ensure this value has at most %d characters", "value_error.any_str.max_length", f.max)}
	}
	return s, nil
}

func (f field) checkEnum(loc []any, v any) (any, []problem) {
	for _, value := range f.values {
		if v == value {
			return value, nil
		}
	}
	permitted := "'" + strings.Join(f.values, "', '") + "'"
	return nil, []problem{{
		Loc:  loc,
		Msg:  "value is not a valid enumeration member; permitted: " + permitted,
		Type: "type_error.enum",
		Ctx:  map[string]any{"enum_values": f.values},
	}}
}

func checkIntegers(loc []any, v any) (any, []problem) {
	items, ok := v.([]any)
	if !ok {
		return nil, []problem{{Loc: loc, Msg: "value is not a valid list", Type: "type_error.list"}}
	}
	var problems []problem
	ids := make([]int64, 0, len(items))
	for i, item := range items {
		at := append(append([]any{}, loc...), i)
		if item == nil {
			problems = append(problems, notNone(at))
			continue
		}
		id, ok := integer(item)
		if !ok {
			problems = append(problems, notInteger(at))
			continue
		}
		ids = append(ids, id)
	}
	return ids, problems
}

// integer converts like pydantic: numerals in strings count, fractions are
// truncated, and true is 1.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case string:
		return parseInteger(v)
	case bool:
		return map[bool]int64{true: 1, false: 0}[v], true
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, true
		}
		n, err := v.Float64()
		return int64(n), err == nil
	}
	return 0, false
}

// parseInteger reads a numeral. One beyond 64 bits becomes the nearest int64,
// an id that no row has.
func parseInteger(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
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
