package page

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"odasync/internal/testcheck"
)

var screenshots = flag.String("screenshots", "", "folder, from the module's root, that TestScreenshots writes to")

// maxSize limits a screenshot, in bytes: the repository is to stay small.
const maxSize = 300_000

// TestScreenshots takes the screenshots of docs/images, and writes them with the flag -screenshots.
func TestScreenshots(t *testing.T) {
	full, empty := newRegistry(t, ""), newRegistry(t, "")
	full.fill(200)
	resources := newResources(t, 200)
	pages := resources.pages()
	for name, at := range map[string]struct {
		registry *registry
		address  string
		on       screen
	}{
		"registry-light":       {full, full.URL, desktop},
		"registry-dark":        {full, full.URL, desktop.inTheDark()},
		"registry-phone":       {full, full.URL, phone},
		"registry-empty-light": {empty, empty.URL, desktop},
		"registry-empty-dark":  {empty, empty.URL, desktop.inTheDark()},
		"registry-empty-phone": {empty, empty.URL, phone},
		"registry-apis-light":  {resources, pages["APIs"], desktop},
		"registry-component":   {resources, pages["a component"], desktop.inTheDark()},
		"registry-api":         {resources, pages["an API"], desktop},
	} {
		t.Run(name, func(t *testing.T) {
			// The empty page contains the address, which must be the same in each run.
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Host = "localhost:8000"
				at.registry.server.Handler().ServeHTTP(w, r)
			}))
			t.Cleanup(web.Close)
			b := newTab(t, at.on)
			b.visit(strings.Replace(at.address, at.registry.URL, web.URL, 1))
			screenshot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			testcheck.NoError(t, err)
			if len(screenshot) == 0 || len(screenshot) > maxSize {
				t.Errorf("the screenshot has %d bytes, want up to %d", len(screenshot), maxSize)
			}
			if *screenshots == "" {
				return
			}
			path := filepath.Join("..", "..", *screenshots, name+".png")
			testcheck.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			testcheck.NoError(t, os.WriteFile(path, screenshot, 0o644))
		})
	}
}
