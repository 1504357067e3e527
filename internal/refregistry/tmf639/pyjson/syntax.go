package pyjson

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// SyntaxError translates a syntax error: where Python's decoder stops, in
// characters, and what it expects there.
func SyntaxError(raw []byte, syntax *json.SyntaxError) (int, string) {
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
