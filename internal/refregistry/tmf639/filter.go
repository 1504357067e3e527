package tmf639

import (
	"net/http"
	"regexp"
	"strings"

	"odasync/internal/refregistry/tmf639/pyjson"

	"github.com/theory/jsonpath"
	"github.com/theory/jsonpath/spec"
)

// filter applies a JSONPath query to an encoded array of documents. The results
// may be any values.
func filter(query string, documents []byte) ([]any, *failure) {
	path, err := jsonpath.Parse(standard(query))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "Invalid JSONPath filter: %v", err)
	}
	root, err := pyjson.Decode(documents)
	if err != nil {
		panic("decode documents: " + err.Error()) // this package encoded them
	}
	found := path.SelectLocated(plain(root))
	if strings.Contains(query, "*") || strings.Contains(query, "..") {
		found.Sort() // the members of an object come in the random order of a map
	}
	out := make([]any, len(found))
	for i, node := range found {
		out[i] = follow(root, node.Path)
	}
	return out, nil
}

// regexMatch is a comparison with a regular expression, of what may have
// members in brackets.
var regexMatch = regexp.MustCompile(`(@(?:\.[\w$-]+|\['[^']*'\]|\["[^"]*"\]|\[\d+\])*)\s*=~\s*/((?:[^/\\]|\\.)*)/(i?)`)

// standard turns what the service accepts beyond RFC 9535 into what the RFC
// has: a query without its $, and comparisons with =~ /expression/, which
// match the whole text.
func standard(query string) string {
	query = strings.TrimSpace(query)
	switch {
	case strings.HasPrefix(query, "$"):
	case strings.HasPrefix(query, "["), strings.HasPrefix(query, "."):
		query = "$" + query
	default:
		query = "$." + query
	}
	return regexMatch.ReplaceAllStringFunc(query, func(comparison string) string {
		parts := regexMatch.FindStringSubmatch(comparison)
		expression := strings.ReplaceAll(parts[2], `\/`, `/`)
		if parts[3] != "" {
			expression = "(?i)" + expression
		}
		return "match(" + parts[1] + ", '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace("(?:"+expression+")") + "')"
	})
}

// plain converts to the types that the JSONPath library reads.
func plain(v any) any {
	switch v := v.(type) {
	case pyjson.Object:
		out := make(map[string]any, len(v))
		for _, m := range v {
			out[m.Name] = plain(m.Value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = plain(item)
		}
		return out
	case pyjson.Number:
		return v.Float()
	}
	return v
}

// follow finds the value that a path of the plain value leads to.
func follow(v any, path spec.NormalizedPath) any {
	for _, step := range path {
		switch step := step.(type) {
		case spec.Name:
			v, _ = v.(pyjson.Object).Get(string(step))
		case spec.Index:
			v = v.([]any)[step]
		}
	}
	return v
}
