package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"odasync/internal/printable"
)

// Paths are where the page is served; the second is v1's own address of it. The
// query says which page it is, so that no path of a contract is taken.
var Paths = []string{"/", "/components-gui"}

// Serves reports whether a path is the page's.
func Serves(path string) bool { return slices.Contains(Paths, path) }

//go:embed template/style.css
var style string

//go:embed template/script.js
var script string

//go:embed template/*.html
var files embed.FS

// templates are list.html, detail.html and notice.html, and what they share.
var templates = template.Must(template.New("").
	Funcs(template.FuncMap{"line": line, "summary": summary, "description": description, "text": printable.Lines, "count": count}).
	ParseFS(files, "template/*.html"))

func summary(text string) string     { return prose(text, maxSummary) }
func description(text string) string { return prose(text, maxDescription) }

// contentPolicy allows the page's own style sheet and script by their content,
// the icon and the search form, and nothing else, whatever a component is
// called. With 'self', answers of the API would be allowed as scripts too.
var contentPolicy = "default-src 'none'; style-src " + sha(style) + "; script-src " + sha(script) + "; img-src data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

func sha(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// notice is a page with a message.
type notice struct {
	Style     template.CSS
	Title     string
	Sentences []string
}

// Page serves all pages of a registry.
type Page struct {
	registry Registry
	access   Access
	now      func() time.Time
}

// New returns the pages of a registry.
func New(registry Registry, access Access, now func() time.Time) *Page {
	return &Page{registry: registry, access: access, now: now}
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, o := parseQuery(r.URL.Query()), newOverview(p.registry.Content())
	if q.Component == "" {
		write(w, http.StatusOK, "list.html", p.list(o, q, r))
		return
	}
	page := p.detail(o, q, r)
	status := http.StatusOK
	if !page.known() {
		status = http.StatusNotFound
	}
	write(w, status, "detail.html", page)
}

// RequireLogin answers with a 401 that makes a browser ask for the key, or for
// what a client requests tokens with.
func RequireLogin(w http.ResponseWriter, tokens bool) {
	page := notice{
		Style: template.CSS(style), Title: "This registry requires an API key",
		Sentences: []string{
			"Reload the page, enter any user name, and the API key as the password.",
			"Programs send it in the header “Authorization: Bearer”, followed by the key.",
			"The operator of the registry sets the key with --api-key-file or COMPONENT_REGISTRY_API_KEY.",
		},
	}
	if tokens {
		page.Title = "This registry requires a client"
		page.Sentences = []string{
			"Reload the page, and enter the id and the secret of a client with the role sync, query or admin.",
			"Programs request a token with them, and send it in the header “Authorization: Bearer”.",
			"The operator of the registry sets the clients with --auth.",
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="Component Registry", charset="UTF-8"`)
	write(w, http.StatusUnauthorized, "notice.html", page)
}

func write(w http.ResponseWriter, status int, page string, data any) {
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, page, data); err != nil {
		panic("write page: " + err.Error()) // the templates fit the package's own data
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a client that has gone needs no answer
}
