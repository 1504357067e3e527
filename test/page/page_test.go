package page

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	browsers "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"odasync/internal/refregistry/registrytest"
	"odasync/internal/testcheck"
)

// pages are the addresses of the kinds of pages: the lists, and the pages of the first component and API that they have.
func (r *registry) pages() map[string]string {
	r.Helper()
	pages := map[string]string{"components": r.URL + "/", "APIs": r.URL + "/?view=apis"}
	for list, detail := range map[string]string{"components": "a component", "APIs": "an API"} {
		body := r.Do("GET", strings.TrimPrefix(pages[list], r.URL), "").Body
		_, link, found := strings.Cut(body, `<h2><a href="`)
		if !found {
			r.Fatalf("%s have no link: %s", list, body)
		}
		link, _, _ = strings.Cut(link, `"`)
		pages[detail] = r.URL + "/" + html.UnescapeString(link)
	}
	return pages
}

// awkward fills a registry with the longest texts that it accepts, and with texts that look like code.
func (r *registry) awkward() {
	r.Helper()
	r.Registry("self")
	r.component("<script>document.title='owned'</script>", "<b>team</b>=<i>red</i>", "path="+strings.Repeat("/long", 40))
	long := strings.Repeat("component", 11)
	r.component(long)
	r.api(long, api{name: strings.Repeat("a", 100), url: "http://example.org/" + strings.Repeat("w", 480), status: "ready", specification: strings.Repeat("{}", 5000)})
	r.api(long, api{name: "hidden \u202egpj.exe\u200b", url: "http://example.org/\u202egpj.exe", status: "ready"})
	r.api(long, api{name: "code", url: "javascript:document.title='owned'", status: "pending", specification: "data:text/html,<script>1</script>",
		labels: []string{"developerUI=javascript:document.title='owned'"}})
}

func TestPage_200ComponentsNewestFirst(t *testing.T) {
	r := newRegistry(t, "")
	want := r.fill(200)
	b := newTab(t, desktop)
	b.visit(r.URL)
	registrytest.Same(t, []string{"Components 200", "APIs 333", "304 ready", "29 pending"}, b.texts(".top a"))
	var got []string
	for page := 1; ; page++ {
		registrytest.Same(t, fmt.Sprintf("page %d of 4", page), b.texts(".pages span:not(:empty)")[0])
		names := b.texts("h2")
		registrytest.Same(t, 50, len(names))
		got = append(got, names...)
		if page == 4 {
			break
		}
		b.click("next →", fmt.Sprintf("document.querySelector('ol').start == %d", page*50+1))
	}
	registrytest.Same(t, want, got)
	registrytest.Same(t, []string{"← previous"}, b.texts(".pages a"))
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
	evaluate[bool](b, "document.querySelectorAll('details').forEach(d => d.open = true) == undefined")
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
	addresses := map[string]string{
		"empty": empty.URL, "locked": unchallenged.URL, "no APIs": empty.URL + "/?view=apis",
		"nothing found": full.URL + "/?q=" + strings.Repeat("x", 300), "last page": full.URL + "/?page=4",
	}
	for kind, r := range map[string]*registry{"200 components": full, "awkward": odd, "TMF639": newResources(t, 20)} {
		for page, address := range r.pages() {
			addresses[kind+", "+page] = address
		}
	}
	for name, address := range addresses {
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
	resources := newResources(t, 20)
	var backgrounds []string
	for _, on := range []screen{desktop, desktop.inTheDark()} {
		b := newTab(t, on)
		addresses := append(slices.Collect(maps.Values(resources.pages())), full.URL, full.URL+"/?q=nothing", empty.URL)
		for _, address := range addresses {
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
	registrytest.Same(t, 1, evaluate[int](b, "document.scripts.length"))
	if names := b.texts("h2"); !slices.Contains(names, "<script>document.title='owned'</script>") {
		t.Errorf("names %q lack the one that looks like code", names)
	}
	registrytest.Same(t, []string{"<b>team</b>=<i>red</i>"}, b.texts("a[href*='team']"))
	registrytest.Same(t, []string{"http:"}, evaluate[[]string](b, "[...new Set([...document.links].map(a => a.protocol))]"))
	if texts := b.texts("span.url"); !slices.Equal(texts, []string{"javascript:document.title='owned'"}) {
		t.Errorf("the texts of unsafe addresses are %q", texts)
	}
}

// TestPage_HiddenCharactersAreVisible looks at all that the browser shows, the values of fields included.
func TestPage_HiddenCharactersAreVisible(t *testing.T) {
	r := newRegistry(t, "")
	r.awkward()
	b := newTab(t, desktop)
	const shown = "[document.title, document.body.innerText, ...[...document.querySelectorAll('input')].map(i => i.value)].join('\\n')"
	for _, address := range append(slices.Collect(maps.Values(r.pages())), r.URL+"/?q=%E2%80%AEgpj", r.URL+"/?view=apis&q=%E2%80%AEgpj") {
		b.visit(address)
		text := evaluate[string](b, shown)
		if strings.ContainsAny(text, "\u202e\u200b") {
			t.Errorf("%s shows hidden characters: %q", address, text)
		}
		if strings.Contains(address, "gpj") && !strings.Contains(text, `hidden \u202egpj.exe\u200b`) {
			t.Errorf("%s does not show what it found: %q", address, text)
		}
	}
}

func TestPage_FindsAnAPI(t *testing.T) {
	r := newResources(t, 40)
	b := newTab(t, phone)
	b.visit(r.URL)
	b.do(chromedp.Click(chromedp.Search("//a[starts-with(normalize-space(.), 'APIs')]")))
	b.await("document.querySelector('.exposed')")
	b.do(chromedp.SetValue("#namespace", "business"), chromedp.SetValue("#q", "TMF642 v4"), chromedp.SendKeys("#q", kb.Enter))
	b.await("document.querySelector('.found').innerText.startsWith('1–1 of 1 found')")
	b.click("business-faultmanagement-29-tmf642", "document.querySelector('article')")
	registrytest.Same(t, "https://business.canvas.example.org/business-faultmanagement-29/tmf-api/tmf642/v4", evaluate[string](b, "document.querySelector('input[readonly]').value"))
	b.click("business-faultmanagement-29", "document.querySelector('article h4')")
	registrytest.Same(t, []string{"in cluster"}, b.texts(".inside"))
}

func TestPage_CopiesAddresses(t *testing.T) {
	r := newResources(t, 1)
	b := newTab(t, desktop)
	call(b, browsers.SetPermission, browsers.SetPermissionParams{
		Permission: &browsers.PermissionDescriptor{Name: "clipboard-read"}, Setting: browsers.PermissionSettingGranted,
	})
	for name, address := range r.pages() {
		b.visit(address)
		want := evaluate[string](b, "document.querySelector('button.copy').dataset.copy")
		b.do(chromedp.Click("button.copy"))
		b.await("document.querySelector('button.copy').textContent == 'copied'")
		copied, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("navigator.clipboard.readText()", chromedp.EvalAwaitPromise))
		testcheck.NoError(t, err)
		if copied != want || want == "" {
			t.Errorf("%s: %q was copied, want %q", name, copied, want)
		}
	}
}

func TestPage_WithoutScript(t *testing.T) {
	r := newResources(t, 1)
	b := newTab(t, desktop)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for name, address := range r.pages() {
		b.visit(address)
		registrytest.Same(t, []bool{true}, evaluate[[]bool](b, "[...new Set([...document.querySelectorAll('button.copy')].map(b => b.hidden && !b.checkVisibility()))]"))
		if name == "components" || name == "APIs" {
			continue
		}
		// A field that is reached with the keyboard is selected as a whole.
		b.do(chromedp.Focus("article a"))
		for range 20 {
			if evaluate[bool](b, "document.activeElement.readOnly == true") {
				break
			}
			b.do(chromedp.KeyEvent(kb.Tab))
		}
		registrytest.Same(t, true, evaluate[bool](b, "(f => f.selectionEnd - f.selectionStart == f.value.length && f.value.startsWith('http'))(document.activeElement)"))
	}
}

// TestPage_2000Components checks that a page stays small, and logs how long it takes.
func TestPage_2000Components(t *testing.T) {
	full := newRegistry(t, "")
	full.fill(2000)
	for contract, r := range map[string]*registry{"v1": full, "tmf639": newResources(t, 2000)} {
		t.Run(contract, func(t *testing.T) {
			pages := r.pages()
			pages["a search"] = r.URL + "/?view=apis&q=tmf620&sort=specification&page=2"
			b := newTab(t, desktop)
			for name, address := range pages {
				began := time.Now()
				body := r.Do("GET", strings.TrimPrefix(address, r.URL), "").Body
				t.Logf("%s: %d KB in %s", name, len(body)>>10, time.Since(began).Round(time.Millisecond))
				if len(body) > 400<<10 {
					t.Errorf("%s has %d bytes", name, len(body))
				}
				b.visit(address)
				if found := b.texts(".list > li"); len(found) > 50 {
					t.Errorf("%s has %d items", name, len(found))
				}
			}
		})
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
