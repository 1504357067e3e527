// Package printable makes text of others safe to show to people. A Component or a registry may hold anything: characters that
// control a terminal, ends of lines that forge rows, and marks that reorder or hide text. They are shown as the escapes of a Go
// string. Output for programs stays exact: only [JSON] has escapes that mean the same.
package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns the text as one line, in which each character that is not visible is an escape, such as \n, \x1b or \u202e.
func Line(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var line []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			line = append(line, `\x`...)
			line = append(line, strconv.FormatUint(uint64(text[0]), 16)...)
		case hidden(r):
			quoted := strconv.QuoteRune(r)
			line = append(line, quoted[1:len(quoted)-1]...)
		default:
			line = append(line, text[:size]...)
		}
		text = text[size:]
	}
	return string(line)
}

// hidden reports whether a character is a control or without a form of its own. Spaces of any width are visible.
func hidden(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) }

// Lines is Line for a message that may have several lines. All but the first are indented, so that none of them looks like
// another message.
func Lines(text string) string {
	const indent = "  "
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if lines[n] = Line(line); n > 0 && line != "" && !strings.HasPrefix(line, indent) {
			lines[n] = indent + lines[n]
		}
	}
	return strings.Join(lines, "\n")
}

// JSON returns the JSON text with escapes for the hidden characters in its strings. Its value is the same.
func JSON(text []byte) []byte {
	escaped := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r == '\n' || !hidden(r): // no string has an end of a line
			escaped = utf8.AppendRune(escaped, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
	}
	return escaped
}
