package document

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of values that the registry, a Python program, can store and write again. A document beyond them would make every
// listing that includes it fail.
const (
	maxDepth  = 64
	maxDigits = 300
)

// text returns a string as a value; none for the empty one.
func text(s string) jsontext.Value {
	if s == "" {
		return nil
	}
	quoted, _ := jsontext.AppendQuote(nil, s) // the error is about invalid UTF-8, which is replaced
	return quoted
}

// portable returns a field of the component's metadata as the Canvas's own collector writes it: an object becomes a string of
// its JSON, everything else stays as it is, with the keys of objects in order. A value that the registry could not store becomes
// a string too.
func portable(raw []byte) jsontext.Value {
	value := jsontext.Value(raw).Clone()
	stored := storable(value)
	if stored {
		_ = value.Format(jsontext.ReorderRawObjects(true)) // it is valid
	}
	if value.Kind() == '{' || !stored {
		return text(string(value))
	}
	return value
}

func storable(value jsontext.Value) bool {
	if !value.IsValid() {
		return false
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(value))
	for {
		token, err := decoder.ReadToken()
		switch {
		case err != nil:
			return true // the end
		case decoder.StackDepth() > maxDepth:
			return false
		case token.Kind() == '0':
			number := token.String()
			if _, err := strconv.ParseFloat(number, 64); err != nil || len(number) > maxDigits {
				return false
			}
		}
	}
}

// encode returns a value of this package's own types.
func encode(value any) jsontext.Value {
	encoded, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true))
	if err != nil { // strings and bools always encode
		panic("document: encode a value: " + err.Error())
	}
	return encoded
}
