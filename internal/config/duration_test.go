package config_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
	"odasync/internal/testcheck"
)

func TestDurationFromEnvironment(t *testing.T) {
	tests := map[string]struct {
		text string
		want time.Duration
		bad  string // part of the error
	}{
		"seconds":             {text: "300", want: 5 * time.Minute},
		"fraction":            {text: "0.5", want: 500 * time.Millisecond},
		"Go duration":         {text: "1m30s", want: 90 * time.Second},
		"zero":                {text: "0", want: 0},
		"negative seconds":    {text: "-5", want: -5 * time.Second},
		"negative duration":   {text: "-5ms", want: -5 * time.Millisecond},
		"the default":         {text: "", want: 7 * time.Second},
		"a word":              {text: "soon", bad: `"soon" is neither seconds`},
		"a unit of its own":   {text: "3 days", bad: "neither seconds"},
		"not a number":        {text: "NaN", bad: "not a duration"},
		"infinite":            {text: "inf", bad: "not a duration"},
		"beyond the int64":    {text: "9223372037", bad: "not a duration"},
		"Go duration too big": {text: "9999999h", bad: "neither seconds"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got struct {
				Wait config.Duration `env:"WAIT, default=7"`
			}
			env := map[string]string{}
			if test.text != "" {
				env["WAIT"] = test.text
			}
			err := envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: &got, Lookuper: envconfig.MapLookuper(env)})
			if test.bad != "" {
				if err == nil || !strings.Contains(err.Error(), test.bad) {
					t.Fatalf("error = %v, want one with %q", err, test.bad)
				}
				return
			}
			testcheck.NoError(t, err)
			if time.Duration(got.Wait) != test.want {
				t.Errorf("got %v, want %v", got.Wait, test.want)
			}
		})
	}
}

func TestDurationString(t *testing.T) {
	testcheck.Equal(t, "text", "1m30s", config.Duration(90*time.Second).String())
}
