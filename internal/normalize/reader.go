package normalize

import (
	"fmt"
	"strconv"
	"strings"

	"odasync/internal/component"
)

// reader reads the fields of one resource. It records the path and the first error, so that its callers need no error handling:
// they continue as if the field were absent, and the result is dropped.
type reader struct {
	path    []step
	err     *component.FieldError
	content int // size of the APIs until now
}

// step is a field, or an item of a list if key is empty.
type step struct {
	key   string
	index int
}

func (r *reader) enter(key string)    { r.path = append(r.path, step{key: key}) }
func (r *reader) enterItem(index int) { r.path = append(r.path, step{index: index}) }
func (r *reader) leave()              { r.path = r.path[:len(r.path)-1] }

// fail records a problem of the value at the current path.
func (r *reader) fail(problem string) {
	if r.err == nil {
		r.err = &component.FieldError{Field: r.where(), Problem: problem}
	}
}

func (r *reader) where() string {
	var b strings.Builder
	for i, s := range r.path {
		switch {
		case s.key == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case strings.ContainsAny(s.key, "./"): // a label's key
			fmt.Fprintf(&b, "[%s]", s.key)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// object returns the object in a field, or nil if the field is absent or empty.
func (r *reader) object(fields map[string]any, key string) map[string]any {
	value := fields[key]
	inner, ok := value.(map[string]any)
	if !ok && !isEmpty(value) {
		r.enter(key)
		r.fail("must be an object, not " + kindOf(value))
		r.leave()
	}
	return inner
}

// text returns the text in a field, or "" if the field is absent.
func (r *reader) text(fields map[string]any, key string) string {
	value := fields[key]
	if text, ok := value.(string); ok || value == nil { // the usual case, without recording the path
		return text
	}
	r.enter(key)
	defer r.leave()
	return r.scalar(value)
}

// required is text that must not be empty.
func (r *reader) required(fields map[string]any, key string) string {
	text := r.text(fields, key)
	if strings.TrimSpace(text) == "" {
		r.enter(key)
		r.fail("is missing")
		r.leave()
	}
	return text
}

// scalar returns a single value as text. A whole number has no decimals, whether it was decoded as an integer or not: Kubernetes
// stores 1.0 as 1.
func (r *reader) scalar(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	if !isEmpty(value) {
		r.fail("must be text, not " + kindOf(value))
	}
	return ""
}

// port returns the TCP port in a field, or 0 if the field is absent.
func (r *reader) port(fields map[string]any, key string) uint16 {
	text := r.text(fields, key)
	if text == "" {
		return 0
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		r.enter(key)
		r.fail(fmt.Sprintf("must be a port from 1 to 65535, not %.32q", text))
		r.leave()
	}
	return uint16(number)
}

// each visits the items of a list, or a single value in place of a list. It skips empty items.
func (r *reader) each(fields map[string]any, key string, visit func(item any)) {
	value := fields[key]
	if isEmpty(value) {
		return
	}
	r.enter(key)
	defer r.leave()
	list, ok := value.([]any)
	if !ok {
		visit(value)
		return
	}
	for i, item := range list {
		if !isEmpty(item) {
			r.enterItem(i)
			visit(item)
			r.leave()
		}
	}
}

// texts reads a list of texts.
func (r *reader) texts(fields map[string]any, key string) []string {
	var texts []string
	r.each(fields, key, func(item any) {
		texts = append(texts, r.scalar(item))
	})
	return texts
}

// isEmpty reports whether a value of any type is empty, as rendered by a template without a value.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// kindOf returns the type of a value in YAML terms.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a Go %T", value)
}
