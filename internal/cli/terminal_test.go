package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"odasync/internal/logtest"
	"odasync/internal/registry"
	"odasync/internal/testwait"
)

// asCtl is the variable that makes this program ctl.
const asCtl = "ODASYNC_TEST_AS_CTL"

// terminal is ctl on a terminal, as a process of its own.
type terminal struct {
	keyboard *os.File
	screen   logtest.Buffer
	ended    chan error
}

// onTerminal starts ctl with more variables.
func onTerminal(t *testing.T, variables []string, args ...string) *terminal {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = append(append(os.Environ(), asCtl+"=1", "TERM=xterm", "NO_COLOR=", "PAGER="), variables...)
	device, err := pty.StartWithSize(command, &pty.Winsize{Rows: 50, Cols: 160})
	must(t, err)
	term := &terminal{keyboard: device, ended: make(chan error, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&term.screen, device) // it ends with an error when the program has ended
	}()
	go func() {
		err := command.Wait()
		<-read
		term.ended <- err
	}()
	t.Cleanup(func() { _ = device.Close() })
	return term
}

// awaitText waits until the screen shows the pattern.
func (term *terminal) awaitText(t *testing.T, pattern string) {
	t.Helper()
	testwait.NoError(t, "wait for the terminal", func() error {
		if !regexp.MustCompile("(?s)" + pattern).MatchString(term.screen.String()) {
			return fmt.Errorf("%q does not match %q", pattern, term.screen.String())
		}
		return nil
	})
}

func (term *terminal) press(t *testing.T, keys string) {
	t.Helper()
	_, err := io.WriteString(term.keyboard, keys)
	must(t, err)
}

// exits waits for the end with the exit code, and returns all output.
func (term *terminal) exits(t *testing.T, code int) string {
	t.Helper()
	select {
	case err := <-term.ended:
		got := 0
		if failed, ok := err.(*exec.ExitError); ok {
			got = failed.ExitCode()
		} else {
			must(t, err)
		}
		if got != code {
			t.Errorf("exit code %d, want %d:\n%s", got, code, term.screen.String())
		}
	case <-time.After(2 * testwait.Limit):
		t.Fatalf("does not end:\n%s", term.screen.String())
	}
	return term.screen.String()
}

const interrupt = "\x03" // Ctrl-C

// A terminal shows the whole list by the pager, a question, and the progress.
func TestTerminal_Approve(t *testing.T) {
	p := newPipeline(t)
	for n := range 30 {
		p.publish(t, content("shop", fmt.Sprintf("gone-%02d", n), "1"))
	}
	p.startSyncer(t, p.url, registry.APIAuto)
	dir := t.TempDir()
	manifest(t, dir, "shop", "catalog", "1.0.0")
	p.startWatcher(t, dir)
	testwait.NoError(t, "wait for the pending deletion", func() error {
		if got := ctl(t, "approve"); len(p.entries()) != 31 || !strings.Contains(got.stdout, "30 of 31 components would be deleted") {
			return fmt.Errorf("%s%s", got.stdout, got.stderr)
		}
		return nil
	})
	pager := []string{"PAGER=sed 's/^/paged: /'"}

	no := onTerminal(t, pager, "approve")
	no.awaitText(t, `Delete these 30 components \(cluster default\)\? \[y/N\] $`)
	no.press(t, "\n")
	shown := no.exits(t, 1)
	if count := strings.Count(shown, "paged:   default/shop/gone-"); count != 30 || !strings.Contains(shown, "was not approved: run `ctl approve ") {
		t.Errorf("%d of 30 components are listed by the pager:\n%s", count, shown)
	}
	if got := len(p.entries()); got != 31 {
		t.Fatalf("the registry has %d entries after the answer no", got)
	}

	stopped := onTerminal(t, pager, "approve")
	stopped.awaitText(t, `\[y/N\] $`)
	stopped.press(t, interrupt)
	if shown := stopped.exits(t, 130); !strings.Contains(shown, "interrupted") {
		t.Errorf("after Ctrl-C:\n%s", shown)
	}

	yes := onTerminal(t, nil, "approve")
	yes.awaitText(t, `\[y/N\] $`)
	yes.press(t, "yes\n")
	shown = yes.exits(t, 0)
	for _, want := range []string{"30 of 30 deleted in target default", "] 30/30", "  default/shop/gone-29"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the terminal lacks %q:\n%s", want, shown)
		}
	}
	if got := p.entries(); len(got) != 1 {
		t.Errorf("the registry has %v", got)
	}
}

func TestTerminal_DropAsks(t *testing.T) {
	p := newPipeline(t)
	p.reject()
	p.startSyncer(t, p.url, registry.APIAuto)
	p.publish(t, content("shop", "bad", "1"))
	testwait.NoError(t, "wait for the dead letter", func() error {
		if got := ctl(t, "dlq", "list", "-o", "name"); got.stdout != "shop/bad\n" {
			return fmt.Errorf("%s%s", got.stdout, got.stderr)
		}
		return nil
	})
	no := onTerminal(t, nil, "dlq", "drop", "--all")
	no.awaitText(t, `\? \[y/N\] $`)
	no.press(t, "n\n")
	no.exits(t, 1)
	ctl(t, "dlq", "drop", "--all").expect(t, 2, "not confirmed: add --yes")
	yes := onTerminal(t, nil, "dlq", "drop", "--all")
	yes.awaitText(t, `\? \[y/N\] $`)
	yes.press(t, "y\n")
	if shown := yes.exits(t, 0); !strings.Contains(shown, "dropped shop/bad") {
		t.Errorf("after yes:\n%s", shown)
	}
}

// Colour, bars and redrawing are for terminals. What is printed elsewhere has no escape sequences.
func TestTerminal_Forms(t *testing.T) {
	p := newPipeline(t)
	dir := t.TempDir()
	for n := range 20 {
		manifest(t, dir, "shop", fmt.Sprintf("c-%02d", n), "1.0.0")
	}
	p.startWatcher(t, dir)
	p.startSyncer(t, p.url, registry.APIAuto)
	p.awaitOutcomes(t, 20)

	t.Run("progress", func(t *testing.T) {
		shown := onTerminal(t, nil, "sync", "--all", "-n", "shop").exits(t, 0)
		if !strings.Contains(shown, "\r[=") || !strings.Contains(shown, "] 20/20") {
			t.Errorf("no bar:\n%q", shown)
		}
		piped := ctl(t, "sync", "--all", "-n", "shop")
		if piped.expect(t, 0); strings.ContainsAny(piped.stdout+piped.stderr, "\r\x1b") {
			t.Errorf("a bar without a terminal:\n%q", piped.stdout+piped.stderr)
		}
	})
	t.Run("colour", func(t *testing.T) {
		header := regexp.MustCompile("\x1b\\[[0-9;]+m")
		for name, c := range map[string]struct {
			variables []string
			args      []string
			colour    bool
		}{
			"on a terminal": {nil, []string{"list"}, true},
			"NO_COLOR":      {[]string{"NO_COLOR=1"}, []string{"list"}, false},
			"never":         {nil, []string{"list", "--color", "never"}, false},
			"always":        {[]string{"NO_COLOR=1"}, []string{"list", "--color", "always"}, true},
			"JSON":          {nil, []string{"list", "-o", "json"}, false},
		} {
			shown := onTerminal(t, c.variables, c.args...).exits(t, 0)
			if header.MatchString(shown) != c.colour {
				t.Errorf("%s: want colour %t:\n%q", name, c.colour, shown)
			}
		}
	})
	t.Run("checks", func(t *testing.T) {
		shown := onTerminal(t, []string{"COMPONENT_REGISTRY_URL=http://" + unusedAddress(t)}, "test").exits(t, 2)
		if !strings.Contains(shown, "\x1b[32m✓\x1b[0m    nats ") || !strings.Contains(shown, "\x1b[31m✗\x1b[0m    registry\r\n") {
			t.Errorf("no marks:\n%q", shown)
		}
	})
	t.Run("a list is redrawn", func(t *testing.T) {
		term := onTerminal(t, nil, "list", "--watch")
		term.awaitText(t, "\x1b\\[2J\x1b\\[H.*c-19.*\x1b\\[J.*\x1b\\[H.*c-19")
		term.press(t, interrupt)
		term.exits(t, 0)
	})
	t.Run("status is redrawn", func(t *testing.T) {
		term := onTerminal(t, nil, "status", "--watch")
		term.awaitText(t, "\x1b\\[2J\x1b\\[H.*no problems found.*\x1b\\[J.*\x1b\\[H.*no problems found")
		term.press(t, interrupt)
		if shown := term.exits(t, 0); strings.Count(shown, "\x1b[2J") != 1 {
			t.Errorf("the screen is cleared again:\n%q", shown)
		}
	})
	t.Run("a closed output", func(t *testing.T) { // with the signal that a terminal's pipeline gets
		program, err := os.Executable()
		must(t, err)
		var stderr bytes.Buffer
		command := exec.CommandContext(t.Context(), "bash", "-c", `set -o pipefail; "$0" list -o json | true`, program)
		command.Env, command.Stderr = append(os.Environ(), asCtl+"=1"), &stderr
		if err := command.Run(); err != nil || strings.Contains(stderr.String(), "pipe") {
			t.Errorf("%v: %s", err, stderr.String())
		}
	})
}
