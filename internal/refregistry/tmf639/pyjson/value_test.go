package pyjson_test

import (
	"encoding/json"
	"errors"
	"testing"

	"odasync/internal/refregistry/tmf639/pyjson"
	"odasync/internal/testcheck"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, written, quoted string }{
		"order of members": {`{"b": 1, "a": [true, null]}`, `{"b":1,"a":[true,null]}`, `{'b': 1, 'a': [True, None]}`},
		"repeated member":  {`{"a": 1, "b": 2, "a": 3}`, `{"a":3,"b":2}`, `{'a': 3, 'b': 2}`},
		"text":             {`"<\u00e4> it's \"x\" \n"`, `"<ä> it's \"x\" \n"`, `'<ä> it\'s "x" \n'`},
		"apostrophe":       {`"it's"`, `"it's"`, `"it's"`},
		"integer":          {`123456789012345678901234567890`, `123456789012345678901234567890`, `123456789012345678901234567890`},
		"fraction":         {`1.50`, `1.5`, `1.5`},
		"whole fraction":   {`1e3`, `1000.0`, `1000.0`},
		"large fraction":   {`1e16`, `1e+16`, `1e+16`},
		"small fraction":   {`0.00001`, `1e-05`, `1e-05`},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := pyjson.Decode([]byte(test.text))
			testcheck.NoError(t, err)
			testcheck.Equal(t, "written", test.written, string(pyjson.Append(nil, value)))
			testcheck.Equal(t, "quoted", test.quoted, pyjson.Repr(value))
		})
	}
}

func TestEncodable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{`{"a": [1e308]}`: true, `{"a": [1e400]}`: false, `-1e400`: false} {
		if value, err := pyjson.Decode([]byte(text)); err != nil || pyjson.Encodable(value) != want {
			t.Errorf("%s: encodable %t, %v, want %t", text, !want, err, want)
		}
	}
}

func TestObject(t *testing.T) {
	t.Parallel()
	object := pyjson.Object{}.With("id", "a").With("size", 1).With("href", "b")
	if object.Text("id") != "a" || object.Text("size") != "" || object.Text("absent") != "" {
		t.Errorf("texts %q, %q, %q", object.Text("id"), object.Text("size"), object.Text("absent"))
	}
	if size, found := object.Get("size"); size != 1 || !found {
		t.Errorf("size %v, %t", size, found)
	}
	testcheck.Equal(t, "without id and href", pyjson.Object{{Name: "size", Value: 1}}, object.Without("id", "href"))
}

func TestSyntaxError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		at      int
		message string
	}{
		`{"ä" 1}`:   {5, "Expecting ':' delimiter"},
		`{"a":1 2}`: {7, "Expecting ',' delimiter"},
		`[1 2]`:     {3, "Expecting ',' delimiter"},
		`{`:         {1, "Expecting property name enclosed in double quotes"},
		`{1:2}`:     {1, "Expecting property name enclosed in double quotes"},
		`{} x`:      {3, "Extra data"},
		`{"a":x}`:   {5, "Expecting value"},
		`[`:         {1, "Expecting value"},
	} {
		var syntax *json.SyntaxError
		if !errors.As(json.Unmarshal([]byte(text), new(any)), &syntax) {
			t.Fatalf("%s has no syntax error", text)
		}
		if at, message := pyjson.SyntaxError([]byte(text), syntax); at != want.at || message != want.message {
			t.Errorf("%s: %q at %d, want %q at %d", text, message, at, want.message, want.at)
		}
	}
}
