package refregistry

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"slices"
	"strconv"
)

// pagePaths serve the page for people; the second is v1's own address of it.
var pagePaths = []string{"/", "/components-gui"}

func isPage(path string) bool { return slices.Contains(pagePaths, path) }

//go:embed webpage/style.css
var style string

//go:embed webpage/overview.html
var overviewHTML string

//go:embed webpage/notice.html
var noticeHTML string

var (
	overviewTemplate = template.Must(template.New("overview").Parse(overviewHTML))
	noticeTemplate   = template.Must(template.New("notice").Parse(noticeHTML))
)

// contentPolicy allows the page its own style sheet, its icon and its search
// form, and nothing else: no script, whatever a component is called.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src data:; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// notice is a page that says one thing.
type notice struct {
	Style     template.CSS
	Title     string
	Sentences []string
}

func (s *Server) registerPage() {
	for _, path := range pagePaths {
		pattern := "GET " + path
		s.names["GET "+exact(path)] = pattern
		s.mux.HandleFunc("GET "+exact(path), s.servePage)
	}
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	found, err := s.look(r.Context())
	if err != nil {
		s.cfg.Log.Error().Err(err).Str("method", r.Method).Str("path", r.URL.Path).Msg("registry request failed")
		writePage(w, http.StatusInternalServerError, noticeTemplate, notice{
			Style: template.CSS(style), Title: "The registry cannot read its content",
			Sentences: []string{"Its log tells why. Reload this page once that is mended."},
		})
		return
	}
	writePage(w, http.StatusOK, overviewTemplate, s.show(found, r))
}

// refusePage asks a browser for the key.
func refusePage(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Component Registry", charset="UTF-8"`)
	writePage(w, http.StatusUnauthorized, noticeTemplate, notice{
		Style: template.CSS(style), Title: "This registry asks for its API key",
		Sentences: []string{
			"Reload the page, enter any user name, and the API key as the password.",
			"Programs send it in the header “Authorization: Bearer”, followed by the key.",
			"Whoever runs the registry has set the key, by --api-key-file or COMPONENT_REGISTRY_API_KEY, and can tell it.",
		},
	})
}

func writePage(w http.ResponseWriter, status int, page *template.Template, data any) {
	var buf bytes.Buffer
	if err := page.Execute(&buf, data); err != nil {
		panic("write page: " + err.Error()) // only the package's own data is shown
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
