package tmf639

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A JSON value is an object, []any, string, number, bool or nil. The types of
// encoding/json lose the order of an object's members, which the service keeps.
type (
	object []member
	member struct {
		name  string
		value any
	}
	// number is the text of a number.
	number string
)

func (o object) get(name string) (any, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// text returns a member that is a string, and otherwise "".
func (o object) text(name string) string {
	v, _ := o.get(name)
	s, _ := v.(string)
	return s
}

// without returns a copy that lacks the named members.
func (o object) without(names ...string) object {
	kept := make(object, 0, len(o))
next:
	for _, m := range o {
		for _, name := range names {
			if m.name == name {
				continue next
			}
		}
		kept = append(kept, m)
	}
	return kept
}

// decode reads one value. Of two members of one name the place of the first and
// the value of the last remain, as in Python.
func decode(raw []byte) (any, error) {
	return decodeValue(jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)))
}

func decodeValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		return decodeObject(dec)
	case '[':
		items := []any{}
		for dec.PeekKind() != ']' {
			item, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		_, err := dec.ReadToken()
		return items, err
	case '"':
		return tok.String(), nil
	case '0':
		return number(tok.String()), nil
	case 't', 'f':
		return tok.Bool(), nil
	default:
		return nil, nil
	}
}

func decodeObject(dec *jsontext.Decoder) (any, error) {
	out := object{}
	places := map[string]int{}
	for dec.PeekKind() != '}' {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := tok.String()
		value, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		if at, repeated := places[name]; repeated {
			out[at].value = value
			continue
		}
		places[name] = len(out)
		out = append(out, member{name, value})
	}
	_, err := dec.ReadToken()
	return out, err
}

// encode appends a value as the service does: without spaces, escaping only
// what JSON requires.
func encode(dst []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(encode(dst, m.name), ':')
			dst = encode(dst, m.value)
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = encode(dst, item)
		}
		return append(dst, ']')
	case string:
		dst, _ = jsontext.AppendQuote(dst, v) // its error is about invalid UTF-8, which it replaces
		return dst
	case number:
		return append(dst, v.format()...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case nil:
		return append(dst, "null"...)
	}
	panic(fmt.Sprintf("encode %T: not a JSON value", v)) // every value comes from decode or this package
}

// format writes a fraction as Python does; integers have any length.
func (n number) format() string {
	if !strings.ContainsAny(string(n), ".eE") {
		return string(n)
	}
	f := n.float() // an infinite one is not encodable
	if size := math.Abs(f); f != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// float is the nearest number of 64 bits, infinite out of their range.
func (n number) float() float64 {
	f, _ := strconv.ParseFloat(string(n), 64) // the range is what the result says
	return f
}

// encodable reports whether the service can write a value back: it reads 1e400
// as infinity, which JSON does not have.
func encodable(v any) bool {
	switch v := v.(type) {
	case object:
		for _, m := range v {
			if !encodable(m.value) {
				return false
			}
		}
	case []any:
		for _, item := range v {
			if !encodable(item) {
				return false
			}
		}
	case number:
		return !math.IsInf(v.float(), 0) || !strings.ContainsAny(string(v), ".eE") // an integer has any length
	}
	return true
}

// repr writes a value as Python prints it, which is how error messages quote it.
func repr(v any) string {
	switch v := v.(type) {
	case object:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = repr(m.name) + ": " + repr(m.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = repr(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		quote := "'"
		if strings.Contains(v, "'") && !strings.Contains(v, `"`) {
			quote = `"`
		}
		escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, quote, `\`+quote).Replace(v)
		return quote + escaped + quote
	case number:
		return v.format()
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	}
	return "None"
}
