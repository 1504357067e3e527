package config_test

import (
	"os"
	"strings"
	"testing"

	"odasync/internal/config"
	"odasync/internal/testcheck"
)

func TestEnvironmentReadsDotenvBehindTheEnvironment(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ODASYNC_TEST_SET", "from the environment")
	t.Setenv("ODASYNC_TEST_EMPTY", "")
	content := "# a comment\nODASYNC_TEST_SET=from the file\nODASYNC_TEST_EMPTY=from the file\nODASYNC_TEST_NEW='from $the file'\nexport ODASYNC_TEST_EXPORTED=1\n"
	tests := map[string]struct {
		file bool
		want map[string]string // absent: not set
	}{
		"no file": {false, map[string]string{"ODASYNC_TEST_SET": "from the environment", "ODASYNC_TEST_EMPTY": ""}},
		"a file": {true, map[string]string{
			"ODASYNC_TEST_SET": "from the environment", "ODASYNC_TEST_EMPTY": "",
			"ODASYNC_TEST_NEW": "from $the file", "ODASYNC_TEST_EXPORTED": "1",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.file {
				writeDotenv(t, content)
			}
			variables, err := config.Environment()
			testcheck.NoError(t, err)
			for _, variable := range []string{"ODASYNC_TEST_SET", "ODASYNC_TEST_EMPTY", "ODASYNC_TEST_NEW", "ODASYNC_TEST_EXPORTED"} {
				got, set := variables.Lookup(variable)
				want, wantSet := test.want[variable]
				if got != want || set != wantSet {
					t.Errorf("%s is %q, set %v; want %q, set %v", variable, got, set, want, wantSet)
				}
			}
		})
	}
}

func TestEnvironmentRefusesAMalformedDotenv(t *testing.T) {
	const secret = "s3cr3t-value"
	tests := map[string]string{
		"no equals sign":    "A=1\nCOMPONENT_REGISTRY_API_KEY " + secret + "\n",
		"an open quotation": "A=1\nCOMPONENT_REGISTRY_API_KEY=\"" + secret + "\nB=2\n",
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			writeDotenv(t, content)
			_, err := config.Environment()
			if err == nil {
				t.Fatal("taken without a word")
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("shows the secret: %v", err)
			}
			testcheck.ErrorContains(t, err, ".env cannot be read: write one NAME=value a line")
		})
	}
}

func writeDotenv(t *testing.T, content string) {
	t.Helper()
	testcheck.NoError(t, os.WriteFile(".env", []byte(content), 0o600))
	t.Cleanup(func() { _ = os.Remove(".env") }) // the folder goes anyway
}
