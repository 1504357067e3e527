package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"odasync/internal/refregistry/registrytest"
)

// awkward fills a registry with the longest texts that it accepts, and with texts that look like code.
func (r *registry) awkward() {
	r.Helper()
	r.Registry("self")
	r.component("<script>document.title='owned'</script>", "<b>team</b>=<i>red</i>", "path="+strings.Repeat("/long", 40))
	long := strings.Repeat("component", 11)
	r.component(long)
	r.api(long, api{name: strings.Repeat("a", 100), url: "http://example.org/" + strings.Repeat("w", 480), status: "ready", specification: strings.Repeat("{}", 5000)})
	r.api(long, api{name: "code", url: "javascript:document.title='owned'", status: "pending", specification: "data:text/html,<script>1</script>",
		labels: []string{"developerUI=javascript:document.title='owned'"}})
}

func TestPage_200ComponentsNewestFirst(t *testing.T) {
	r := newRegistry(t, "")
	want := r.fill(200)
	b := newTab(t, desktop)
	b.visit(r.URL)
	registrytest.Same(t, []string{"200 components", "333 APIs", "304 ready", "29 pending"}, b.texts(".counts > span:not(.states), .state:has(b)"))
	var got []string
	for page := 1; ; page++ {
		registrytest.Same(t, fmt.Sprintf("page %d of 4", page), b.texts("nav span:not(:empty)")[0])
		names := b.texts("h2")
		registrytest.Same(t, 50, len(names))
		got = append(got, names...)
		if page == 4 {
			break
		}
		b.click("older →", fmt.Sprintf("document.querySelector('ol').start == %d", page*50+1))
	}
	registrytest.Same(t, want, got)
	registrytest.Same(t, []string{"← newer"}, b.texts("nav a"))
}

func TestPage_Search(t *testing.T) {
	r := newRegistry(t, "")
	r.fill(200)
	b := newTab(t, desktop)
	b.visit(r.URL)
	search := func(text, count string) {
		t.Helper()
		b.do(chromedp.SetValue("#q", text), chromedp.SendKeys("#q", kb.Enter))
		b.await(fmt.Sprintf("document.querySelector('.found').innerText.startsWith(%q)", count))
		registrytest.Same(t, text, evaluate[string](b, "document.querySelector('#q').value"))
	}
	search("IOT faultM", "1–5 of 5 found")
	for _, name := range b.texts("h2") {
		if !strings.HasPrefix(name, "iot-faultmanagement") {
			t.Errorf("found %s", name)
		}
	}
	b.click("team=teal", "document.querySelector('.found').innerText.startsWith('1–50 of 50 found')")
	registrytest.Same(t, "team=teal", evaluate[string](b, "document.querySelector('#q').value"))
	search("nothing of the kind", "Nothing found")
	registrytest.Same(t, 0, len(b.texts("ol")))
	b.click("show all", "document.querySelector('.found').innerText.startsWith('1–50 of 200,')")
}

func TestPage_FitsANarrowPhone(t *testing.T) {
	full, odd, empty, locked := newRegistry(t, ""), newRegistry(t, ""), newRegistry(t, ""), newRegistry(t, "k")
	// Without the challenge Chromium does not ask for a password.
	unchallenged := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		locked.server.Handler().ServeHTTP(withoutChallenge{w}, r)
	}))
	t.Cleanup(unchallenged.Close)
	full.fill(200)
	odd.awkward()
	for name, address := range map[string]string{
		"200 components": full.URL, "awkward": odd.URL, "empty": empty.URL, "locked": unchallenged.URL,
		"nothing found": full.URL + "/?q=" + strings.Repeat("x", 300), "last page": full.URL + "/?page=4",
	} {
		t.Run(name, func(t *testing.T) {
			b := newTab(t, narrow)
			b.visit(address)
			registrytest.Same(t, 320, evaluate[int](b, "document.documentElement.clientWidth"))
			if width := evaluate[int](b, "document.documentElement.scrollWidth"); width > 320 {
				t.Errorf("the page is %d pixels wide", width)
			}
		})
	}
}

type withoutChallenge struct{ http.ResponseWriter }

func (w withoutChallenge) WriteHeader(status int) {
	w.Header().Del("WWW-Authenticate")
	w.ResponseWriter.WriteHeader(status)
}

// The contrast that WCAG 2.2 AA requires of text.
const leastContrast = 4.5

// faint lists the texts whose contrast to their background is too low.
const faint = `(least => {
	const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
	const light = c => { const [r, g, b] = parse(c).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b };
	const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (parse(c)[3] !== 0) return c }; return 'none' };
	const found = new Set();
	for (const e of document.body.querySelectorAll('*')) {
		if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) continue;
		const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (!(ratio >= least)) found.add(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
	}
	return [...found];
})`

func TestPage_ContrastInLightAndDark(t *testing.T) {
	full, empty := newRegistry(t, ""), newRegistry(t, "")
	full.fill(60)
	var backgrounds []string
	for _, on := range []screen{desktop, desktop.inTheDark()} {
		b := newTab(t, on)
		for _, address := range []string{full.URL, full.URL + "/?q=nothing", empty.URL} {
			b.visit(address)
			registrytest.Same(t, []string{}, evaluate[[]string](b, fmt.Sprintf("%s(%v)", faint, leastContrast)))
		}
		backgrounds = append(backgrounds, evaluate[string](b, "getComputedStyle(document.body).backgroundColor"))
	}
	if backgrounds[0] == backgrounds[1] {
		t.Errorf("the background is %s in light and dark", backgrounds[0])
	}
}

func TestPage_ContentStaysText(t *testing.T) {
	r := newRegistry(t, "")
	r.awkward()
	b := newTab(t, desktop)
	b.visit(r.URL)
	registrytest.Same(t, "Component Registry", evaluate[string](b, "document.title"))
	registrytest.Same(t, 0, evaluate[int](b, "document.scripts.length"))
	if names := b.texts("h2"); !slices.Contains(names, "<script>document.title='owned'</script>") {
		t.Errorf("names %q lack the one that looks like code", names)
	}
	registrytest.Same(t, []string{"<b>team</b>=<i>red</i>"}, b.texts("a[href*='team']"))
	registrytest.Same(t, []string{"http:"}, evaluate[[]string](b, "[...new Set([...document.links].map(a => a.protocol))]"))
	if texts := b.texts("span.url"); !slices.Equal(texts, []string{"javascript:document.title='owned'"}) {
		t.Errorf("the texts of unsafe addresses are %q", texts)
	}
}

func TestPage_EmptyRegistry(t *testing.T) {
	r := newRegistry(t, "")
	b := newTab(t, desktop)
	b.visit(r.URL)
	registrytest.Same(t, []string{"No components yet"}, b.texts("h2"))
	registrytest.Same(t, "COMPONENT_REGISTRY_URL="+r.URL+" bin/ctl run", b.texts("pre")[0])
	registrytest.Same(t, 0, len(b.texts("form")))
}

func TestPage_KeyIsThePassword(t *testing.T) {
	r := newRegistry(t, "s3cret")
	r.fill(3)
	b := newTab(t, desktop)
	b.visit(strings.Replace(r.URL, "http://", "http://anybody:s3cret@", 1))
	registrytest.Same(t, 3, len(b.texts("h2")))
}

// TestPage_FollowsChanges checks that the page reloads itself, without a script.
func TestPage_FollowsChanges(t *testing.T) {
	r := newRegistry(t, "")
	r.fill(3)
	b := newTab(t, desktop)
	b.visit(r.URL)
	b.click("follow changes", "document.querySelector('.follow').innerText == 'stop following'")
	r.component("latecomer")
	b.await("document.querySelector('h2').innerText == 'latecomer'")
}
