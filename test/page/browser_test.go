package page

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience limits the time of one test in the browser.
const patience = 90 * time.Second

// browser is the context of the one Chromium that all tests use.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(func() int {
		program, err := findChromium()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		profile, err := os.MkdirTemp("", "chromium-*")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(profile) }() // the system removes what is left
		allocator, stop := chromedp.NewExecAllocator(context.Background(), options(program, profile)...)
		defer stop()
		var quit context.CancelFunc
		browser, quit = chromedp.NewContext(allocator)
		defer quit()
		if err := chromedp.Do(browser); err != nil {
			fmt.Fprintf(os.Stderr, "start %s: %v\n", program, err)
			return 1
		}
		code := m.Run()
		if err := chromedp.Cancel(browser); err != nil {
			fmt.Fprintf(os.Stderr, "stop %s: %v\n", program, err)
		}
		return code
	}())
}

func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errors.New("these tests need Chromium, and PATH has none: install it (Debian and Ubuntu: apt-get install chromium)")
}

func options(program, profile string) []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // required by Chromium as root
	}
}

// screen is the display of a page.
type screen struct {
	width, height int64
	scale         float64
	dark          bool
}

var (
	desktop = screen{width: 1280, height: 900, scale: 1}
	phone   = screen{width: 390, height: 844, scale: 2}
	narrow  = screen{width: 320, height: 640, scale: 1}
)

func (s screen) inTheDark() screen {
	s.dark = true
	return s
}

// tab is a page in the browser. It fails the test for errors in the browser's log, such as a style sheet that the content
// policy forbids, and for requests to other hosts than the registry.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string
	hosts  map[string]bool
}

func newTab(t *testing.T, on screen) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	b := &tab{t: t, ctx: ctx, hosts: map[string]bool{}}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b.ctx = limited
	t.Cleanup(b.check)

	scheme := "light"
	if on.dark {
		scheme = "dark"
	}
	call(b, cdplog.Enable, cdp.Empty{})
	call(b, network.Enable, network.EnableParams{})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: on.width, Height: on.height, DeviceScaleFactor: on.scale, Mobile: on.width < 600,
	})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return b
}

func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *cdplog.EventEntryAdded:
		if !strings.Contains(event.Entry.Text, "status of 401") { // as a test expects
			b.errors = append(b.errors, event.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(event.Request.URL); err == nil && u.Host != "" {
			b.hosts[u.Host] = true
		}
	}
}

func (b *tab) check() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.errors {
		b.t.Errorf("the browser logs: %s", text)
	}
	for host := range b.hosts {
		if !strings.HasPrefix(host, "127.0.0.1:") {
			b.t.Errorf("the page sends a request to %s", host)
		}
	}
}

func (b *tab) visit(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// click follows the link with that text, and awaits the condition on the next page.
func (b *tab) click(link, condition string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.Search(fmt.Sprintf("//a[normalize-space(.)=%q]", link))))
	b.await(condition)
}

// await waits for a condition, over any number of loads of the page.
func (b *tab) await(condition string) {
	b.t.Helper()
	for {
		met, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("document.readyState == 'complete' && !!("+condition+")"))
		if met {
			return
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatalf("not met: %s: %v", condition, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// evaluate evaluates an expression in the page.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// texts returns the text of all matching elements.
func (b *tab) texts(selector string) []string {
	b.t.Helper()
	return evaluate[[]string](b, fmt.Sprintf("[...document.querySelectorAll(%q)].map(e => e.textContent.replace(/\\s+/g, ' ').trim())", selector))
}
