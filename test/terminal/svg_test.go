package terminal

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/testcheck"
)

func TestPen_Read(t *testing.T) {
	red, bold := pen{colour: 1}, pen{bold: true}
	tests := map[string]struct {
		line string
		want []run
		next pen
	}{
		"plain":               {line: "NAME  STATE", want: []run{{pen{}, "NAME  STATE"}}},
		"empty":               {line: ""},
		"command":             {line: "$ ctl list\x1b[31m", want: []run{{pen{dim: true}, "$ "}, {bold, `ctl list\x1b[31m`}}},
		"colours":             {line: "a\x1b[31mb\x1b[0mc", want: []run{{pen{}, "a"}, {red, "b"}, {pen{}, "c"}}},
		"bold and bright":     {line: "\x1b[1;92mok\x1b[m", want: []run{{pen{colour: 2, bold: true}, "ok"}}},
		"colour that remains": {line: "\x1b[31mfailed", want: []run{{red, "failed"}}, next: red},
		"weight ends":         {line: "\x1b[1;31ma\x1b[22mb\x1b[39m", want: []run{{pen{colour: 1, bold: true}, "a"}, {red, "b"}}},
		"unknown parameters":  {line: "\x1b[48;5;7ma", want: []run{{pen{}, "a"}}},
		"other controls":      {line: "a\x1b[2Jb\u202e", want: []run{{pen{}, `a\x1b[2Jb\u202e`}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, next := pen{}.read(tt.line)
			testcheck.Equal(t, "the runs", tt.want, got, cmp.AllowUnexported(run{}, pen{}))
			testcheck.Equal(t, "the pen of the next line", tt.next, next, cmp.AllowUnexported(pen{}))
		})
	}
}

func TestSVG_IsWellFormed(t *testing.T) {
	svg := SVG("a <title> & \x1b", "$ ctl apis 'TMF620 <v4>'\n\x1b[32m✓\x1b[0m a & b\n\n"+strings.Repeat("w", 100)+"\n\n")
	var texts []string
	decoder := xml.NewDecoder(strings.NewReader(svg))
	inside := false
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		testcheck.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			inside = token.Name.Local == "text"
		case xml.CharData:
			if inside {
				texts = append(texts, string(token))
			}
		case xml.EndElement:
			inside = false
		}
	}
	want := []string{`a <title> & \x1b`, "$ ", "ctl apis 'TMF620 <v4>'", "✓", " a & b", strings.Repeat("w", 100)}
	testcheck.Equal(t, "the texts", want, texts)
	testcheck.Contains(t, "the picture", svg, `viewBox="0 0 872 140"`, "prefers-color-scheme:dark")
}
