package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"odasync/internal/printable"
)

// Paths are where the page is served; the second is v1's own address of it.
var Paths = []string{"/", "/components-gui"}

// Serves reports whether a path is the page's.
func Serves(path string) bool { return slices.Contains(Paths, path) }

//go:embed template/style.css
var style string

//go:embed template/overview.html
var overviewHTML string

//go:embed template/notice.html
var noticeHTML string

var (
	overviewTemplate = template.Must(template.New("overview").Funcs(template.FuncMap{"line": printable.Line}).Parse(overviewHTML))
	noticeTemplate   = template.Must(template.New("notice").Parse(noticeHTML))
)

// contentPolicy allows the page's own style sheet, icon and search form, and
// nothing else: no script, whatever a component is called.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// notice is a page with a message.
type notice struct {
	Style     template.CSS
	Title     string
	Sentences []string
}

// Page serves the overview.
type Page struct {
	registry Registry
	access   Access
	now      func() time.Time
}

// New returns the page of a registry.
func New(registry Registry, access Access, now func() time.Time) *Page {
	return &Page{registry: registry, access: access, now: now}
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, overviewTemplate, p.view(newOverview(p.registry.Content()), r))
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
	write(w, http.StatusUnauthorized, noticeTemplate, page)
}

func write(w http.ResponseWriter, status int, page *template.Template, data any) {
	var buf bytes.Buffer
	if err := page.Execute(&buf, data); err != nil {
		panic("write page: " + err.Error()) // the template fits the package's own data
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
