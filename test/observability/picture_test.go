package observability

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"html/template"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"odasync/internal/testcheck"
	"odasync/test/procs"
)

var screenshots = flag.String("screenshots", "", "folder, from the module's root, that pictures of the dashboards are written to")

// maxPicture limits the size of an image in the repository.
const maxPicture = 400_000

// picture is a panel with the results of its queries.
type picture struct {
	panel panel
	lines []line
}

type line struct {
	legend string
	points []point
}

// The size of a dashboard on the screen.
const (
	boardWidth = 1440
	column     = boardWidth / 24
	rowHeight  = 30
	legends    = 5 // that are written below a panel
)

// palette has colours that are distinguishable with colour blindness.
var palette = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#444444", "#8a2be2", "#808080"}

type box struct {
	Title, Kind, Last string
	X, Y, W, H        int
	Top               string
	Lines             []curve
	More              int
}

type curve struct{ Color, Legend, Path string }

// draw renders a dashboard as a page. A panel without data fails the test.
func draw(t *testing.T, title string, panels []picture, began, ended time.Time) string {
	t.Helper()
	var boxes []box
	height := 0
	for _, p := range panels {
		at := p.panel.GridPos
		b := box{Title: p.panel.Title, Kind: p.panel.Type, X: at.X * column, Y: 44 + at.Y*rowHeight, W: at.W*column - 8, H: at.H*rowHeight - 8}
		height = max(height, b.Y+b.H)
		switch {
		case b.Kind == "row":
		case b.Kind == "stat" && len(p.lines) > 0:
			points := p.lines[0].points
			b.Last = number(points[len(points)-1].value, p.panel.FieldConfig.Defaults.Unit)
			for _, mapping := range p.panel.FieldConfig.Defaults.Mappings {
				b.Last = cmp.Or(mapping.Options[b.Last].Text, b.Last)
			}
			if p.lines[0].legend != "" {
				b.Last += " × " + p.lines[0].legend
			}
		default:
			b.curves(p, began, ended)
			if len(b.Lines) == 0 {
				t.Errorf("%s: %s: nothing to draw", title, b.Title)
			}
		}
		boxes = append(boxes, b)
	}
	var text strings.Builder
	testcheck.NoError(t, page.Execute(&text, map[string]any{"Title": title, "Boxes": boxes, "Width": boardWidth, "Height": height + 12}))
	return text.String()
}

// curves draws the highest series last, and names the first.
func (b *box) curves(p picture, began, ended time.Time) {
	most := func(l line) float64 {
		return slices.MaxFunc(l.points, func(a, b point) int { return cmp.Compare(a.value, b.value) }).value
	}
	slices.SortStableFunc(p.lines, func(a, b line) int { return cmp.Compare(most(b), most(a)) })
	top := 0.0
	if len(p.lines) > 0 {
		top = most(p.lines[0])
	}
	scale := cmp.Or(top, 1)
	width, height := float64(b.W-20), float64(b.H-62)
	from, span := float64(began.UnixMilli())/1000, ended.Sub(began).Seconds()
	for i, l := range p.lines {
		var path strings.Builder
		last := math.Inf(-1)
		for _, at := range l.points {
			command := "L"
			if at.at-last > 1.5*scrapeEvery.Seconds() { // a gap
				command = "M"
			}
			last = at.at
			fmt.Fprintf(&path, "%s%.1f %.1f", command, (at.at-from)/span*width, height-at.value/scale*(height-2))
		}
		c := curve{Color: palette[i%len(palette)], Path: path.String()}
		if i < legends {
			c.Legend = cmp.Or(l.legend, "value")
		} else {
			b.More++
		}
		b.Lines = append(b.Lines, c)
	}
	b.Top = number(top, p.panel.FieldConfig.Defaults.Unit)
}

// number formats a value for people.
func number(value float64, unit string) string {
	switch {
	case unit == "bytes":
		return fmt.Sprintf("%.3g MB", value/1e6)
	case unit == "s" && value < 1:
		return fmt.Sprintf("%.3g ms", value*1000)
	case unit == "s":
		return fmt.Sprintf("%.3g s", value)
	case unit == "cps":
		return fmt.Sprintf("%.3g/s", value)
	}
	return fmt.Sprintf("%.3g", value)
}

var page = template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8"><title>{{.Title}}</title>
<style>
body { margin: 0; width: {{.Width}}px; height: {{.Height}}px; background: #f4f5f5; font: 12px sans-serif; color: #222; position: relative }
h1 { font-size: 18px; margin: 0; position: absolute; left: 10px; top: 12px }
div.box { position: absolute; background: #fff; border: 1px solid #ddd; border-radius: 3px; box-sizing: border-box; overflow: hidden; padding: 5px 9px }
div.row { background: none; border: none; font-size: 14px; font-weight: bold }
b.last { display: block; font-size: 20px; overflow: hidden; text-overflow: ellipsis; text-align: center; margin-top: 20px; white-space: nowrap }
svg { display: block; border-bottom: 1px solid #999; border-left: 1px solid #999; margin-top: 2px }
i { float: right; color: #777 } p { margin: 3px 0; height: 30px; overflow: hidden } span { margin-right: 8px; white-space: nowrap }
</style><h1>{{.Title}}</h1>
{{range .Boxes}}<div class="box {{.Kind}}" style="left: {{.X}}px; top: {{.Y}}px; width: {{.W}}px; height: {{.H}}px">{{with .Top}}<i>{{.}}</i>{{end}}{{.Title}}
{{with .Last}}<b class="last">{{.}}</b>{{end}}{{if .Lines}}<svg width="100%" height="calc(100% - 52px)">{{range .Lines}}<path d="{{.Path}}" fill="none" stroke="{{.Color}}" stroke-width="1.5"/>{{end}}</svg>
<p>{{range .Lines}}{{if .Legend}}<span><span style="color: {{.Color}}; margin: 0">▬</span> {{.Legend}}</span> {{end}}{{end}}{{if .More}}and {{.More}} more{{end}}</p>{{end}}</div>
{{end}}`))

// screenshot writes an image of a page with Chromium, if the flag is set.
func screenshot(t *testing.T, name, html string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	root := testcheck.Must(procs.Root())
	folder := t.TempDir()
	file := filepath.Join(folder, "page.html")
	testcheck.NoError(t, os.WriteFile(file, []byte(html), 0o600))
	var height int
	testcheck.Must(fmt.Sscanf(html[strings.Index(html, "height: "):], "height: %dpx", &height))
	path := filepath.Join(root, *screenshots, "dashboard-"+name+".png")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arguments := []string{"--headless", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + filepath.Join(folder, "profile"),
		fmt.Sprintf("--window-size=%d,%d", boardWidth, height), "--screenshot=" + path, "file://" + file}
	if os.Geteuid() == 0 { // required by Chromium
		arguments = append(arguments, "--no-sandbox")
	}
	if out, err := exec.CommandContext(ctx, "chromium", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	written := testcheck.Must(os.Stat(path))
	if written.Size() == 0 || written.Size() > maxPicture {
		t.Errorf("%s has %d bytes, want up to %d", path, written.Size(), maxPicture)
	}
}
