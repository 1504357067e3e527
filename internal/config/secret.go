package config

import (
	"fmt"
	"io"
	"strings"
)

// hidden stands in for the value of a Secret wherever it is printed.
const hidden = "***"

// Secret is a value that no log, error or JSON may show: every way to print it gives ***, and nothing while it is
// empty. Only Reveal gives the value. It is no key for a map: encoding/json writes keys that are strings as they stand.
type Secret string

// UnmarshalText implements encoding.TextUnmarshaler. Space around the value is no part of it: secrets that come from
// files end in a newline.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(strings.TrimSpace(string(text)))
	return nil
}

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// Format implements fmt.Formatter, so that not even a wrong verb shows the value.
func (s Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
