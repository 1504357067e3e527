package config

import (
	"fmt"
	"io"
	"strings"
)

// hidden is printed in place of the value of a Secret.
const hidden = "***"

// Secret is a value that no log, error or JSON may contain: it prints as ***, or as nothing where it is empty. Only
// [Secret.Reveal] returns the value. Do not use it as a key of a map: encoding/json writes string keys as they are.
type Secret string

// UnmarshalText implements encoding.TextUnmarshaler. It trims space: secrets from files end in a newline.
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

// Format implements fmt.Formatter, so that no verb prints the value.
func (s Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
