package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/cli"
)

// follow runs `ctl events --follow` and interrupts it when its output is as expected.
func follow(t *testing.T, ready func(stdout string) bool, args ...string) result {
	t.Helper()
	r := start(t, append([]string{"events", "--follow"}, args...)...)
	got := r.stopWhen(t, func() bool { return ready(r.stdout.String()) })
	got.expect(t, 0)
	return got
}

func TestEvents_Follow(t *testing.T) {
	p := newPipeline(t)
	p.publish(t, content("shop", "catalog", "1"))
	half := time.Now().Format(time.RFC3339Nano)
	p.publish(t, content("shop", "catalog", "1"))
	p.remove(t, "shop", "catalog")
	p.publish(t, content("shop", "catalog", "2"))
	p.publish(t, content("shop", "orders", "1"))
	lines := func(count int) func(string) bool {
		return func(stdout string) bool { return strings.Count(stdout, "\n") >= count }
	}
	t.Run("a component, since a time", func(t *testing.T) {
		got := follow(t, lines(4), "catalog", "--since", half, "--all")
		lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "NAMESPACE         NAME   ") || !strings.HasSuffix(lines[1], "   nothing") ||
			!strings.HasPrefix(lines[2], "shop              catalog   ") || !strings.HasSuffix(lines[2], "   deleted") {
			t.Errorf("stdout:\n%s", got.stdout)
		}
	})
	t.Run("all, one JSON object a line", func(t *testing.T) {
		got := follow(t, lines(3), "--since", half, "-o", "json")
		var names []string
		for line := range strings.Lines(got.stdout) {
			var e cli.Event
			must(t, json.Unmarshal([]byte(line), &e))
			names = append(names, fmt.Sprint(e.Name, " ", e.Sequence))
		}
		if diff := cmp.Diff([]string{"catalog 3", "catalog 4", "orders 5"}, names); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("new events only", func(t *testing.T) {
		version := 0
		got := follow(t, func(stdout string) bool {
			// The start of the command is not visible: publish until it prints an event.
			version++
			p.publish(t, content("shop", "new", fmt.Sprint(version)))
			return strings.Contains(stdout, "version: ")
		}, "-o", "yaml", "-n", "shop")
		if !strings.HasPrefix(got.stdout, "---\n") || strings.Contains(got.stdout, "name: catalog") || strings.Contains(got.stdout, "name: orders") {
			t.Errorf("stdout:\n%s", got.stdout)
		}
	})
}
