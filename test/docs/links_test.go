package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

// root is the module's folder.
var root = filepath.Join("..", "..")

// page is a Markdown file without its fenced and indented code.
type page struct {
	path    string // from the module's root
	text    string
	anchors []string // of its headings, as GitHub forms them
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)(?: "[^"]*")?\)|(?m)^\[[^\]]+\]: (\S+)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*?)(?: +#+)?$`)
	named   = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	code    = regexp.MustCompile("`([^`]+)`")
	marks   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// pages reads every Markdown file of the repository.
func pages(t *testing.T) (all []page) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "bin" || entry.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		all = append(all, parse(name, string(text)))
		return err
	})
	testcheck.NoError(t, err)
	if len(all) < 20 {
		t.Fatalf("only %d Markdown files", len(all))
	}
	return all
}

func parse(path, text string) page {
	p := page{path: path}
	var prose strings.Builder
	fenced, seen := false, map[string]int{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced || strings.HasPrefix(line, "    ") {
			continue
		}
		fmt.Fprintln(&prose, line)
		if found := heading.FindStringSubmatch(line); found != nil {
			title := link.ReplaceAllString(found[1], "")
			anchor := strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
			if count := seen[anchor]; count > 0 {
				p.anchors = append(p.anchors, fmt.Sprintf("%s-%d", anchor, count))
			} else {
				p.anchors = append(p.anchors, anchor)
			}
			seen[anchor]++
		}
		for _, found := range named.FindAllStringSubmatch(line, -1) {
			p.anchors = append(p.anchors, found[1])
		}
	}
	p.text = prose.String()
	return p
}

// links are the targets of the page's links within the repository. Code may look like a link and is left out.
func (p page) links() (targets []string) {
	for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(p.text, "code"), -1) {
		if target := found[1] + found[2]; !strings.Contains(target, ":") {
			targets = append(targets, target)
		}
	}
	return targets
}

// broken says what is wrong with a link, "" for nothing.
func (p page) broken(target string, all []page) string {
	path, anchor, _ := strings.Cut(target, "#")
	to := p.path
	if path != "" {
		to = filepath.Join(filepath.Dir(p.path), filepath.FromSlash(path))
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		return "no such file"
	}
	if anchor == "" || filepath.Ext(to) != ".md" {
		return ""
	}
	i := slices.IndexFunc(all, func(other page) bool { return other.path == to })
	if i < 0 || !slices.Contains(all[i].anchors, anchor) {
		return "no such heading"
	}
	return ""
}

func TestLinks_Resolve(t *testing.T) {
	t.Parallel()
	all, count := pages(t), 0
	for _, p := range all {
		for _, target := range p.links() {
			count++
			testcheck.Equal(t, fmt.Sprintf("%s: broken link to %s", p.path, target), "", p.broken(target, all))
		}
	}
	testcheck.AtLeast(t, "links found", 50, count)
}

func TestBroken(t *testing.T) {
	t.Parallel()
	p := parse("docs/a.md", "# One `two`, three\n## Same\n## Same\n```\n[x](gone.md)\n```\n[x](b.md) `[y](gone.md)` [z](#one-two-three) <a id=\"here\">\n")
	all := []page{p}
	if got, want := p.links(), []string{"b.md", "#one-two-three"}; !slices.Equal(got, want) {
		t.Errorf("links %q, want %q", got, want)
	}
	for target, want := range map[string]string{
		"#one-two-three": "no such file", // the page itself is not on the disk
		"gone.md":        "no such file",
		"../README.md":   "",
		"../README.md#x": "no such heading",
	} {
		testcheck.Equal(t, target, want, p.broken(target, all))
	}
	if want := []string{"one-two-three", "same", "same-1", "here"}; !slices.Equal(p.anchors, want) {
		t.Errorf("anchors %q, want %q", p.anchors, want)
	}
}
