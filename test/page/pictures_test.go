package page

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "folder, from the module's root, that TestPictures writes its pictures to")

// maxPicture keeps the repository small.
const maxPicture = 300_000

// TestPictures takes the pictures of docs/images, and writes them when it is told where.
func TestPictures(t *testing.T) {
	full, empty := newRegistry(t, ""), newRegistry(t, "")
	full.fill(200)
	for name, at := range map[string]struct {
		registry *registry
		on       screen
	}{
		"registry-light":       {full, desktop},
		"registry-dark":        {full, desktop.inTheDark()},
		"registry-phone":       {full, phone},
		"registry-empty-light": {empty, desktop},
		"registry-empty-dark":  {empty, desktop.inTheDark()},
		"registry-empty-phone": {empty, phone},
	} {
		t.Run(name, func(t *testing.T) {
			// The address shows on the empty page: it is the same in every picture.
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Host = "localhost:8000"
				at.registry.server.Handler().ServeHTTP(w, r)
			}))
			t.Cleanup(web.Close)
			b := newTab(t, at.on)
			b.visit(web.URL)
			picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if len(picture) == 0 || len(picture) > maxPicture {
				t.Errorf("the picture has %d bytes, want up to %d", len(picture), maxPicture)
			}
			if *screenshots == "" {
				return
			}
			path := filepath.Join("..", "..", *screenshots, name+".png")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, picture, 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}
