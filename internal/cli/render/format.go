package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"odasync/internal/printable"
)

// jsonpathPrefix begins the format that has a template.
const jsonpathPrefix = "jsonpath="

// Formats describes the formats of a command for a help text. A command with json has jsonpath too.
func Formats(formats []string) string {
	if slices.Contains(formats, "json") {
		formats = append(slices.Clone(formats), jsonpathPrefix+"TEMPLATE")
	}
	return strings.Join(formats, ", ")
}

// Check returns an error unless the format is one of those of the command.
func Check(format string, formats []string) error {
	template, ok := strings.CutPrefix(format, jsonpathPrefix)
	switch {
	case slices.Contains(formats, format):
		return nil
	case ok && slices.Contains(formats, "json"):
		_, err := parseTemplate(template)
		return err
	}
	return fmt.Errorf("--output is %q: %s", format, Formats(formats))
}

// JSON returns the exact value and an end of a line, without raw control characters.
func JSON(value any, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return printable.JSON(text.Bytes()), err
}

// Value writes a value in a format for programs, and reports whether the format is one.
func Value(out io.Writer, format string, value any) (bool, error) {
	template, path := strings.CutPrefix(format, jsonpathPrefix)
	if format != "json" && format != "yaml" && !path {
		return false, nil
	}
	text, err := JSON(value, "  ")
	switch {
	case err != nil:
	case path:
		text, err = evaluate(template, text)
	case format == "yaml":
		text, err = yaml.JSONToYAML(text)
	}
	if err == nil {
		_, err = out.Write(text)
	}
	return true, err
}
