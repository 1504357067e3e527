package render

import (
	"bytes"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/util/jsonpath"

	"odasync/internal/printable"
)

// parseTemplate parses a template of kubectl's syntax. As there, a lone path needs no braces.
func parseTemplate(template string) (*jsonpath.JSONPath, error) {
	text := template
	if !strings.Contains(text, "{") && text != "" {
		if !strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "$") {
			text = "." + text
		}
		text = "{" + text + "}"
	}
	path := jsonpath.New("output").AllowMissingKeys(true)
	err := path.Parse(text)
	if err == nil && strings.TrimSpace(text) == "" {
		err = fmt.Errorf("the template is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("--output is %q: %w: write a template such as jsonpath='{.name}', or '{range [*]}{.name}{\"\\n\"}{end}' for a list",
			jsonpathPrefix+template, err)
	}
	return path, nil
}

// evaluate applies the template to JSON text. The result ends in an end of a line.
func evaluate(template string, text []byte) ([]byte, error) {
	path, err := parseTemplate(template)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil { // numbers stay whole
		return nil, err
	}
	var out bytes.Buffer
	if err := path.Execute(&out, cleaned(value)); err != nil {
		return nil, fmt.Errorf("--output %s%s: %w", jsonpathPrefix, template, err)
	}
	if !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// cleaned escapes the strings of a value, in place: the template's own ends of lines must be the only ones.
func cleaned(value any) any {
	switch value := value.(type) {
	case string:
		return printable.Line(value)
	case []any:
		for n := range value {
			value[n] = cleaned(value[n])
		}
	case map[string]any:
		for name, field := range value {
			value[name] = cleaned(field)
		}
	}
	return value
}
