package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"odasync/internal/printable"
)

// maxDetail is the length of a failure's detail in bytes.
const maxDetail = 500

// detail extracts the readable part of an error's body: FastAPI's detail, which is a sentence or a list of problems; the
// violations of a TMF639 schema; the message that proxies put into their JSON; the title or heading of a page; otherwise
// the body itself.
func detail(body []byte) string {
	var object struct {
		Detail  json.RawMessage `json:"detail"`
		Message string          `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &object) != nil {
		return Clean(page(body))
	}
	var sentence string
	var problems []struct {
		Loc []any  `json:"loc"`
		Msg string `json:"msg"`
	}
	var schema struct {
		Error      string   `json:"error"`
		Message    string   `json:"message"`
		Violations []string `json:"violations"`
	}
	switch {
	case json.Unmarshal(object.Detail, &schema) == nil && schema.Error != "":
		return Clean(schema.Error + ": " + cmp.Or(strings.Join(schema.Violations, "; "), schema.Message))
	case json.Unmarshal(object.Detail, &sentence) == nil && sentence != "":
		return Clean(sentence)
	case json.Unmarshal(object.Detail, &problems) == nil && len(problems) > 0:
		var text strings.Builder
		for i, problem := range problems {
			if i > 0 {
				text.WriteString("; ")
			}
			text.WriteString(location(problem.Loc))
			text.WriteString(problem.Msg)
			if text.Len() > maxDetail {
				break
			}
		}
		return Clean(text.String())
	case object.Message != "":
		return Clean(object.Message)
	case json.Unmarshal(object.Error, &sentence) == nil && sentence != "":
		return Clean(sentence)
	}
	return Clean(string(body))
}

// headings of a page, the most telling first.
var headings = []*regexp.Regexp{regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`), regexp.MustCompile(`(?is)<h1[^>]*>(.*?)</h1>`)}

// page returns the title or the heading of a page of HTML; any other text as it is.
func page(body []byte) string {
	text := strings.TrimSpace(string(body))
	if !strings.HasPrefix(text, "<") {
		return text
	}
	for _, heading := range headings {
		if found := heading.FindStringSubmatch(text); found != nil && strings.TrimSpace(found[1]) != "" {
			return "a page, " + html.UnescapeString(found[1])
		}
	}
	return text
}

// location formats a path such as [body label_ids 0] as "body.label_ids.0: ".
func location(parts []any) string {
	if len(parts) == 0 {
		return ""
	}
	text := make([]string, len(parts))
	for i, part := range parts {
		text[i] = fmt.Sprint(part)
	}
	return strings.Join(text, ".") + ": "
}

// Clean returns the text as one printable line of at most maxDetail bytes, cut between characters.
func Clean(text string) string {
	text = printable.Line(strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " "))
	if len(text) <= maxDetail {
		return text
	}
	const ellipsis = "…"
	end := maxDetail - len(ellipsis)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// redirectTarget returns the target of a redirect without the parts that may hold a secret.
func redirectTarget(header http.Header) string {
	target, err := url.Parse(header.Get("Location"))
	if err != nil || target.String() == "" {
		return "an unknown address"
	}
	target.RawQuery, target.Fragment = "", ""
	return Clean(publicURL(target))
}
