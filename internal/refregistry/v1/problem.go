package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// problem is one entry of a 422's detail, with the shape and messages of
// pydantic, which validates v1's requests.
type problem struct {
	Loc  []any          `json:"loc"`
	Msg  string         `json:"msg"`
	Type string         `json:"type"`
	Ctx  map[string]any `json:"ctx,omitempty"`
}

func missing(loc []any) problem {
	return problem{Loc: loc, Msg: "field required", Type: "value_error.missing"}
}

func notNone(loc []any) problem {
	return problem{Loc: loc, Msg: "none is not an allowed value", Type: "type_error.none.not_allowed"}
}

func notDict(loc []any) problem {
	return problem{Loc: loc, Msg: "value is not a valid dict", Type: "type_error.dict"}
}

func notInteger(loc []any) problem {
	return problem{Loc: loc, Msg: "value is not a valid integer", Type: "type_error.integer"}
}

func limited(loc []any, format, kind string, limit int) problem {
	return problem{Loc: loc, Msg: fmt.Sprintf(format, limit), Type: kind, Ctx: map[string]any{"limit_value": limit}}
}

// badJSON repeats the whole document in its context, as v1 does: an answer can
// be as large as the request, and a client must bound what it keeps of it.
func badJSON(raw []byte, syntax *json.SyntaxError) problem {
	// The decoder's offset is the number of bytes read, the offending one
	// included; a document cut short has no offending one.
	at := int(syntax.Offset)
	if !strings.HasPrefix(syntax.Error(), "unexpected end") {
		at--
	}
	before := raw[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	pos := utf8.RuneCount(before)
	return problem{
		Loc:  []any{"body", pos},
		Msg:  fmt.Sprintf("%s: line %d column %d (char %d)", syntax.Error(), line, column, pos),
		Type: "value_error.jsondecode",
		Ctx:  map[string]any{"msg": syntax.Error(), "doc": string(raw), "pos": pos, "lineno": line, "colno": column},
	}
}
