package config

import (
	"encoding"
	"iter"
	"reflect"
	"strings"
)

// Section is the configuration of a package: a pointer to a struct whose fields have an env tag and a help tag with the
// purpose and the allowed values in one line, or are such structs themselves.
type Section interface{ Validate() error }

// Variable describes a variable, for help texts and docs.
type Variable struct {
	Name    string
	Default string // as it would be written; empty for none
	Help    string
	Secret  bool // it may also come from the file named by <Name>_FILE
}

// FileSuffix is added to the name of a secret's variable for the one that names a file.
const FileSuffix = "_FILE"

// Variables lists the variables of the sections in their order.
func Variables(sections ...Section) []Variable {
	var all []Variable
	for _, section := range sections {
		for field := range fields(section) {
			all = append(all, variable(field))
		}
	}
	return all
}

// fields yields the fields of a section that have an env tag, with their values; those of structs within it too.
func fields(section Section) iter.Seq2[reflect.StructField, reflect.Value] {
	return func(yield func(reflect.StructField, reflect.Value) bool) {
		walk(reflect.ValueOf(section).Elem(), yield)
	}
}

func walk(value reflect.Value, yield func(reflect.StructField, reflect.Value) bool) bool {
	for field, value := range value.Fields() {
		switch {
		case field.Tag.Get("env") != "":
			if !yield(field, value) {
				return false
			}
		case field.IsExported() && field.Type.Kind() == reflect.Struct:
			if !walk(value, yield) {
				return false
			}
		}
	}
	return true
}

func variable(field reflect.StructField) Variable {
	name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
	_, fallback, _ := strings.Cut(options, "default=")
	return Variable{
		Name: name, Default: fallback, Help: field.Tag.Get("help"),
		Secret: field.Type == reflect.TypeFor[Secret]() || field.Type == reflect.TypeFor[ReloadingSecret](),
	}
}

// allowed describes the values that a type accepts.
func allowed(kind reflect.Type) string {
	switch {
	case reflect.PointerTo(kind).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "seconds, such as 30, or a duration, such as 500ms or 5m"
	case kind.Kind() == reflect.Bool:
		return "true or false"
	case kind.Kind() == reflect.Int || kind.Kind() == reflect.Int64:
		return "a whole number"
	}
	return kind.String()
}
