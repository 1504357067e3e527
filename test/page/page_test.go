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
	"github.com/google/go-cmp/cmp"
)

func same[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
}

// awkward fills a registry with the longest words that it takes, and with some that look like code.
func (r *registry) awkward() {
	r.t.Helper()
	r.registry("self")
	r.component("<script>document.title='owned'</script>", "<b>team</b>=<i>red</i>", "path="+strings.Repeat("/long", 40))
	long := strings.Repeat("component", 11)
	r.component(long)
	r.api(long, api{name: strings.Repeat("a", 100), url: "http://example.org/" + strings.Repeat("w", 480), status: "ready", specification: strings.Repeat("{}", 5000)})
	r.api(long, api{name: "code", url: "javascript:document.title='owned'", status: "pending", specification: "data:text/html,<script>1</script>",
		labels: []string{"developerUI=javascript:document.title='owned'"}})
}

func TestTwoHundredComponentsNewestFirst(t *testing.T) {
	r := newRegistry(t, "")
	want := r.fill(200)
	b := newTab(t, desktop)
	b.visit(r.url)
	same(t, []string{"200 components", "333 APIs", "304 ready", "29 pending"}, b.texts(".counts > span:not(.states), .state:has(b)"))
	var got []string
	for page := 1; ; page++ {
		same(t, fmt.Sprintf("page %d of 4", page), b.texts("nav span:not(:empty)")[0])
		names := b.texts("h2")
		same(t, 50, len(names))
		got = append(got, names...)
		if page == 4 {
			break
		}
		b.click("older →", fmt.Sprintf("document.querySelector('ol').start == %d", page*50+1))
	}
	same(t, want, got)
	same(t, []string{"← newer"}, b.texts("nav a"))
}

func TestSearch(t *testing.T) {
	r := newRegistry(t, "")
	r.fill(200)
	b := newTab(t, desktop)
	b.visit(r.url)
	search := func(words, count string) {
		t.Helper()
		b.do(chromedp.SetValue("#q", words), chromedp.SendKeys("#q", kb.Enter))
		b.await(fmt.Sprintf("document.querySelector('.found').innerText.startsWith(%q)", count))
		same(t, words, ask[string](b, "document.querySelector('#q').value"))
	}
	search("IOT faultM", "1–5 of 5 found")
	for _, name := range b.texts("h2") {
		if !strings.HasPrefix(name, "iot-faultmanagement") {
			t.Errorf("found %s", name)
		}
	}
	b.click("team=teal", "document.querySelector('.found').innerText.startsWith('1–50 of 50 found')")
	same(t, "team=teal", ask[string](b, "document.querySelector('#q').value"))
	search("nothing of the kind", "Nothing found")
	same(t, 0, len(b.texts("ol")))
	b.click("show all", "document.querySelector('.found').innerText.startsWith('1–50 of 200,')")
}

func TestNothingScrollsSidewaysOnANarrowPhone(t *testing.T) {
	full, odd, empty, locked := newRegistry(t, ""), newRegistry(t, ""), newRegistry(t, ""), newRegistry(t, "k")
	// Chromium would ask for the password, and nobody is there to press Cancel.
	withoutAsking := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		locked.server.Handler().ServeHTTP(withoutChallenge{w}, r)
	}))
	t.Cleanup(withoutAsking.Close)
	full.fill(200)
	odd.awkward()
	for name, address := range map[string]string{
		"200 components": full.url, "awkward": odd.url, "empty": empty.url, "locked": withoutAsking.URL,
		"nothing found": full.url + "/?q=" + strings.Repeat("x", 300), "last page": full.url + "/?page=4",
	} {
		t.Run(name, func(t *testing.T) {
			b := newTab(t, narrow)
			b.visit(address)
			same(t, 320, ask[int](b, "document.documentElement.clientWidth"))
			if width := ask[int](b, "document.documentElement.scrollWidth"); width > 320 {
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

// The contrast that WCAG 2.2 AA asks of text.
const leastContrast = 4.5

// faint lists the texts whose contrast to what is behind them is too low.
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

func TestLightAndDark(t *testing.T) {
	full, empty := newRegistry(t, ""), newRegistry(t, "")
	full.fill(60)
	var grounds []string
	for _, on := range []screen{desktop, desktop.inTheDark()} {
		b := newTab(t, on)
		for _, address := range []string{full.url, full.url + "/?q=nothing", empty.url} {
			b.visit(address)
			same(t, []string{}, ask[[]string](b, fmt.Sprintf("%s(%v)", faint, leastContrast)))
		}
		grounds = append(grounds, ask[string](b, "getComputedStyle(document.body).backgroundColor"))
	}
	if grounds[0] == grounds[1] {
		t.Errorf("the page's ground is %s in light and dark", grounds[0])
	}
}

func TestContentStaysText(t *testing.T) {
	r := newRegistry(t, "")
	r.awkward()
	b := newTab(t, desktop)
	b.visit(r.url)
	same(t, "Component Registry", ask[string](b, "document.title"))
	same(t, 0, ask[int](b, "document.scripts.length"))
	if names := b.texts("h2"); !slices.Contains(names, "<script>document.title='owned'</script>") {
		t.Errorf("names %q lack the one that looks like code", names)
	}
	same(t, []string{"<b>team</b>=<i>red</i>"}, b.texts("a[href*='team']"))
	same(t, []string{"http:"}, ask[[]string](b, "[...new Set([...document.links].map(a => a.protocol))]"))
	if shown := b.texts("span.url"); !slices.Equal(shown, []string{"javascript:document.title='owned'"}) {
		t.Errorf("addresses that cannot be followed show as %q", shown)
	}
}

func TestEmptyRegistryTellsWhatToDo(t *testing.T) {
	r := newRegistry(t, "")
	b := newTab(t, desktop)
	b.visit(r.url)
	same(t, []string{"No components yet"}, b.texts("h2"))
	same(t, "COMPONENT_REGISTRY_URL="+r.url+" bin/ctl run", b.texts("pre")[0])
	same(t, 0, len(b.texts("form")))
}

func TestKeyIsThePassword(t *testing.T) {
	r := newRegistry(t, "s3cret")
	r.fill(3)
	b := newTab(t, desktop)
	b.visit(strings.Replace(r.url, "http://", "http://anybody:s3cret@", 1))
	same(t, 3, len(b.texts("h2")))
}

// Following needs no script: the page asks to be loaded again.
func TestFollowing(t *testing.T) {
	r := newRegistry(t, "")
	r.fill(3)
	b := newTab(t, desktop)
	b.visit(r.url)
	b.click("follow changes", "document.querySelector('.follow').innerText == 'stop following'")
	r.component("latecomer")
	b.await("document.querySelector('h2').innerText == 'latecomer'")
}
