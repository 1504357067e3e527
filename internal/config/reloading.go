package config

import (
	"fmt"
	"strings"
)

// ReloadingSecret is a secret that may change while the process runs: where it comes from a file, it is read again.
type ReloadingSecret struct {
	loaded Secret // at the start
	file   string // empty where it comes from the variable
}

// Fixed returns a secret that does not change.
func Fixed(secret Secret) ReloadingSecret { return ReloadingSecret{loaded: secret} }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *ReloadingSecret) UnmarshalText(text []byte) error { return s.loaded.UnmarshalText(text) }

// Read returns the present value.
func (s ReloadingSecret) Read() (Secret, error) {
	if s.file == "" {
		return s.loaded, nil
	}
	text, err := readSecret(s.file)
	return Secret(strings.TrimSpace(text)), err
}

// Reveal returns the value at the start.
func (s ReloadingSecret) Reveal() string { return s.loaded.Reveal() }

// String implements fmt.Stringer.
func (s ReloadingSecret) String() string { return s.loaded.String() }

// GoString implements fmt.GoStringer.
func (s ReloadingSecret) GoString() string { return s.loaded.String() }

// Format implements fmt.Formatter, so that no verb prints the value.
func (s ReloadingSecret) Format(out fmt.State, verb rune) { s.loaded.Format(out, verb) }

// MarshalText implements encoding.TextMarshaler.
func (s ReloadingSecret) MarshalText() ([]byte, error) { return s.loaded.MarshalText() }

// Equal reports whether both have the same value and source.
func (s ReloadingSecret) Equal(other ReloadingSecret) bool { return s == other }
