package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"

	"odasync/internal/config"
	"odasync/internal/testcheck"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const value = "s3cr3t-value"
	holder := struct {
		Key config.Secret `json:"key"`
	}{Key: value}
	asJSON := testcheck.Must(json.Marshal(holder))
	var logged bytes.Buffer
	log := zerolog.New(&logged)
	log.Info().Stringer("key", holder.Key).Interface("holder", holder).Msg("read")
	var fields bytes.Buffer
	log = zerolog.New(&fields)
	log.Info().Any("key", holder.Key).Fields(map[string]any{"holder": &holder}).Msg("read")
	var structured bytes.Buffer
	slog.New(slog.NewTextHandler(&structured, nil)).Info("read", "key", holder.Key, "holder", holder)
	text, err := holder.Key.MarshalText()
	testcheck.NoError(t, err)
	asYAML := testcheck.Must(yaml.Marshal(holder))

	tests := map[string]string{
		"string":          holder.Key.String(),
		"%v":              fmt.Sprintf("%v", holder),
		"%+v":             fmt.Sprintf("%+v", holder),
		"%#v":             fmt.Sprintf("%#v", holder),
		"%q":              fmt.Sprintf("%q", holder.Key),
		"%x":              fmt.Sprintf("%x", holder.Key),
		"%d":              fmt.Sprintf("%d", holder.Key),
		"in a pointer":    fmt.Sprintf("%v", &holder),
		"JSON":            string(asJSON),
		"logged":          logged.String(),
		"as log fields":   fields.String(),
		"slog":            structured.String(),
		"GoString":        holder.Key.GoString(),
		"text":            string(text),
		"YAML":            string(asYAML),
		"Sprintln":        fmt.Sprintln(holder),
		"Sprint":          fmt.Sprint(holder.Key, holder),
		"within an error": fmt.Errorf("use key %s: refused", holder.Key).Error(),
	}
	for name, printed := range tests {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(printed, value) || strings.Contains(printed, fmt.Sprintf("%x", value)) {
				t.Errorf("shows the value: %s", printed)
			}
			testcheck.Contains(t, "a value, printed", printed, "***")
		})
	}
	testcheck.Equal(t, "Reveal", value, holder.Key.Reveal())
}

func TestSecretFromText(t *testing.T) {
	var s config.Secret
	testcheck.NoError(t, s.UnmarshalText([]byte(" abc\n")))
	testcheck.Equal(t, "secret", "abc", s.Reveal())
	testcheck.Equal(t, "an empty secret, printed", "", config.Secret("").String())
}
