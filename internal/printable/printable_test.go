package printable

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"odasync/internal/testcheck"
)

func TestLine_EscapesWhatIsNotVisible(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":                   {"", ""},
		"plain":                   {`a "quoted" \n of 1.0`, `a "quoted" \n of 1.0`},
		"other scripts":           {"ü 日本 עברית 👍", "ü 日本 עברית 👍"},
		"wide and hard spaces":    {"a\u00a0b\u3000c", "a\u00a0b\u3000c"},
		"terminal controls":       {"1.0\x1b[2J\x1b[H\x1b]0;x\a", `1.0\x1b[2J\x1b[H\x1b]0;x\a`},
		"ends of lines":           {"a\r\nb\tc\v\f\u2028\u2029\u0085", `a\r\nb\tc\v\f\u2028\u2029\u0085`},
		"C1 controls and DEL":     {"\u009b2J\u0080\u009f\x7f\x00", `\u009b2J\u0080\u009f\x7f\x00`},
		"bidirectional overrides": {"\u202a\u202e\u2066\u2069\u200e\u200f\u061c", `\u202a\u202e\u2066\u2069\u200e\u200f\u061c`},
		"zero width":              {"a\u200b\u200c\u200d\u2060\ufeff\u00adb", `a\u200b\u200c\u200d\u2060\ufeff\u00adb`},
		"tags":                    {"\U000e0041", `\U000e0041`},
		"no UTF-8":                {"a\xff\x9bb", `a\xff\x9bb`},
		"replacement character":   {"\ufffd", "\ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			testcheck.Equal(t, fmt.Sprintf("Line(%q)", tt.text), tt.want, Line(tt.text))
		})
	}
}

func TestLines_KeepsAndIndentsLines(t *testing.T) {
	for text, want := range map[string]string{
		"one":                              "one",
		"a:\nb\n  c\n":                     "a:\n  b\n  c\n",
		"a\x1b[1A\nctl: all is well\u202e": "a\\x1b[1A\n  ctl: all is well\\u202e",
	} {
		testcheck.Equal(t, fmt.Sprintf("Lines(%q)", text), want, Lines(text))
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("1.0\x1b[2J\n\u202e\u009b\x7f\U000e0041")
	f.Fuzz(func(t *testing.T, text string) {
		var want, got any
		encoded, err := json.MarshalIndent(map[string]string{text: text}, "", "  ")
		testcheck.NoError(t, err)
		escaped := JSON(encoded)
		if err := errors.Join(json.Unmarshal(encoded, &want), json.Unmarshal(escaped, &got)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v: %v", escaped, got, want, err)
		}
		if strings.IndexFunc(string(escaped), func(r rune) bool { return r != '\n' && hidden(r) }) >= 0 {
			t.Errorf("%q has hidden characters", escaped)
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add("1.0\x1b[2J\n\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Line(text)
		if !utf8.ValidString(got) || strings.IndexFunc(got, hidden) >= 0 {
			t.Errorf("Line(%q) = %q", text, got)
		}
		if Line(got) != got {
			t.Errorf("%q is escaped twice", got)
		}
	})
}
