package pyjson

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A JSON value is an Object, []any, string, Number, bool or nil. The types of
// encoding/json lose the order of an object's members, which the service keeps.
type (
	Object []Member
	Member struct {
		Name  string
		Value any
	}
	// Number is the text of a number.
	Number string
)

// Get returns a member, and whether it is there.
func (o Object) Get(name string) (any, bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// Text returns a member that is a string, and otherwise "".
func (o Object) Text(name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// With appends a member, as append does: the object must not be extended twice.
func (o Object) With(name string, value any) Object { return append(o, Member{name, value}) }

// Without returns a copy that lacks the named members.
func (o Object) Without(names ...string) Object {
	kept := make(Object, 0, len(o))
next:
	for _, m := range o {
		for _, name := range names {
			if m.Name == name {
				continue next
			}
		}
		kept = append(kept, m)
	}
	return kept
}

// Decode reads one value. Of two members of one name the place of the first and
// the value of the last remain, as in Python.
func Decode(raw []byte) (any, error) {
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
		return Number(tok.String()), nil
	case 't', 'f':
		return tok.Bool(), nil
	default:
		return nil, nil
	}
}

func decodeObject(dec *jsontext.Decoder) (any, error) {
	out := Object{}
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
			out[at].Value = value
			continue
		}
		places[name] = len(out)
		out = append(out, Member{name, value})
	}
	_, err := dec.ReadToken()
	return out, err
}

// Append appends an encoded value as the service does: without spaces, escaping only
// what JSON requires.
func Append(dst []byte, v any) []byte {
	switch v := v.(type) {
	case Object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(Append(dst, m.Name), ':')
			dst = Append(dst, m.Value)
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = Append(dst, item)
		}
		return append(dst, ']')
	case string:
		dst, _ = jsontext.AppendQuote(dst, v) // its error is about invalid UTF-8, which it replaces
		return dst
	case Number:
		return append(dst, v.String()...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case nil:
		return append(dst, "null"...)
	}
	panic(fmt.Sprintf("encode %T: not a JSON value", v)) // every value comes from Decode or the program
}

// String writes a fraction as Python does; integers have any length.
func (n Number) String() string {
	if !strings.ContainsAny(string(n), ".eE") {
		return string(n)
	}
	f := n.Float() // an infinite one is not encodable
	if size := math.Abs(f); f != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Float is the nearest number of 64 bits, infinite out of their range.
func (n Number) Float() float64 {
	f, _ := strconv.ParseFloat(string(n), 64) // the range is what the result says
	return f
}

// Encodable reports whether the service can write a value back: it reads 1e400
// as infinity, which JSON does not have.
func Encodable(v any) bool {
	switch v := v.(type) {
	case Object:
		for _, m := range v {
			if !Encodable(m.Value) {
				return false
			}
		}
	case []any:
		for _, item := range v {
			if !Encodable(item) {
				return false
			}
		}
	case Number:
		return !math.IsInf(v.Float(), 0) || !strings.ContainsAny(string(v), ".eE") // an integer has any length
	}
	return true
}

// Repr writes a value as Python prints it, which is how error messages quote it.
func Repr(v any) string {
	switch v := v.(type) {
	case Object:
		parts := make([]string, len(v))
		for i, m := range v {
			parts[i] = Repr(m.Name) + ": " + Repr(m.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = Repr(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		quote := "'"
		if strings.Contains(v, "'") && !strings.Contains(v, `"`) {
			quote = `"`
		}
		escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, quote, `\`+quote).Replace(v)
		return quote + escaped + quote
	case Number:
		return v.String()
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	}
	return "None"
}
