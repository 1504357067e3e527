package tour

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"odasync/internal/logtest"
	"odasync/internal/testcheck"
	"odasync/internal/testwait"
	"odasync/test/procs"
	"odasync/test/terminal"
)

var update = flag.Bool("update", false, "write the output into docs/tour.md and the picture into docs/images/tour.svg")

// reader is a command that changes nothing. It is repeated until it prints what the page says: an edit arrives a moment later.
var reader = regexp.MustCompile(`^ctl (list|apis|describe|why|trace|events|status|diff)\b`)

func TestTour(t *testing.T) {
	root, err := procs.Root()
	testcheck.NoError(t, err)
	p := readPage(t, filepath.Join(root, "docs", "tour.md"))
	v := newVisit(t, root)
	outputs := make([][]string, len(p.commands))
	terminals := map[int]*output{}
	for i, c := range p.commands {
		if c.terminal {
			terminals[i] = v.start(c.text)
			if *update {
				v.settle(c.text, func() string { return lasting(terminals[i].lines()) })
			} else {
				v.awaitStart(c, terminals[i].lines)
			}
			continue
		}
		outputs[i] = v.run(c)
	}
	for i, o := range terminals {
		if !*update {
			v.await(p.commands[i], o.lines)
		}
		outputs[i] = o.lines()
		if shown := len(p.commands[i].output); shown > 0 && p.commands[i].output[shown-1] == more {
			outputs[i] = append(outputs[i][:min(shown-1, len(outputs[i]))], more)
		}
	}
	if *update {
		p.write(t, outputs)
		p = readPage(t, p.path)
	}
	picture := filepath.Join(root, "docs", "images", "tour.svg")
	drawn := terminal.SVG("odasync", p.session())
	if *update {
		testcheck.NoError(t, os.WriteFile(picture, []byte(drawn), 0o644))
	}
	stored, err := os.ReadFile(picture)
	testcheck.NoError(t, err)
	testcheck.Equal(t, "docs/images/tour.svg", drawn, string(stored))
}

// visit is one run of the tour, in a folder like a clone in which the programs were built.
type visit struct {
	t       *testing.T
	dir     string
	env     []string
	running context.Context
	// there replaces the ports of the page by free ones, back does the reverse.
	there, back *strings.Replacer
	try         string // what `make try` runs
}

// ports are those that the page shows: registry, second registry, metrics.
var ports = []string{"8000", "8001", "8080"}

func newVisit(t *testing.T, root string) *visit {
	t.Helper()
	v := &visit{t: t, dir: t.TempDir()}
	bin, err := procs.BinDir()
	testcheck.NoError(t, err)
	testcheck.NoError(t, os.Mkdir(filepath.Join(v.dir, "bin"), 0o755))
	testcheck.NoError(t, os.Symlink(filepath.Join(bin, "ctl"), filepath.Join(v.dir, "bin", "ctl")))
	testcheck.NoError(t, os.CopyFS(filepath.Join(v.dir, "deploy", "samples"), os.DirFS(filepath.Join(root, "deploy", "samples"))))

	var there, back []string
	free := map[string]string{}
	for _, shown := range ports {
		port, err := procs.FreePort()
		testcheck.NoError(t, err)
		free[shown] = strconv.Itoa(port)
		there, back = append(there, ":"+shown, ":"+free[shown]), append(back, ":"+free[shown], ":"+shown)
	}
	v.there, v.back = strings.NewReplacer(there...), strings.NewReplacer(append(back, v.dir, "~/odasync")...)

	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	testcheck.NoError(t, err)
	recipe := regexp.MustCompile(`(?m)^try:.*\n(?:\t.*\n)*\t(.*bin/ctl run .*)\n`).FindSubmatch(makefile)
	if recipe == nil {
		t.Fatal("the Makefile's target try does not end with bin/ctl run")
	}
	v.try = string(recipe[1]) + " --registry-listen 127.0.0.1:8000"
	v.env = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + v.dir, "MONITORING_PORT=" + free["8080"], "MONITORING_HOST=127.0.0.1",
	}
	var stop context.CancelFunc
	v.running, stop = context.WithCancel(context.Background())
	t.Cleanup(stop)
	return v
}

func (v *visit) command(ctx context.Context, text string) *exec.Cmd {
	if text == "make try" {
		text = v.try
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", v.there.Replace(text))
	cmd.Dir, cmd.Env = v.dir, v.env
	// Everything that a command starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// run runs a command and returns its output, which must be that of the page.
func (v *visit) run(c command) []string {
	v.t.Helper()
	var printed []string
	once := func() []string {
		ctx, cancel := context.WithTimeout(v.running, testwait.Limit)
		defer cancel()
		out := new(output)
		cmd := v.command(ctx, c.text)
		cmd.Stdout, cmd.Stderr = out, out
		_ = cmd.Run() // some end with 1, as their output says
		out.back = v.back
		printed = out.lines()
		return printed
	}
	switch {
	case *update && reader.MatchString(c.text):
		v.settle(c.text, func() string { return lasting(once()) })
	case *update:
		once()
	case reader.MatchString(c.text):
		v.await(c, once)
	default:
		testcheck.Equal(v.t, fmt.Sprintf("docs/tour.md:%d: %s", c.line+1, c.text), lasting(c.output), lasting(once()))
	}
	return printed
}

// start runs a command to the end of the tour.
func (v *visit) start(text string) *output {
	v.t.Helper()
	out := &output{back: v.back}
	cmd := v.command(v.running, text)
	cmd.Stdout, cmd.Stderr = out, out
	testcheck.NoError(v.t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // it is interrupted
	v.t.Cleanup(func() { _ = cmd.Cancel(); <-ended })
	return out
}

// await waits until the output is what the page says.
func (v *visit) await(c command, printed func() []string) {
	v.t.Helper()
	v.awaitOutput(c, printed, func(want, got string) bool {
		start, cut := strings.CutSuffix(want, "\n"+more)
		return got == want || cut && strings.HasPrefix(got, start+"\n")
	})
}

// awaitStart waits until the output begins as the page says: the rest follows later in the tour.
func (v *visit) awaitStart(c command, printed func() []string) {
	v.t.Helper()
	v.awaitOutput(c, printed, func(want, got string) bool {
		start, _ := strings.CutSuffix(want, "\n"+more)
		return got != "" && (strings.HasPrefix(start, got) || strings.HasPrefix(got, start))
	})
}

func (v *visit) awaitOutput(c command, printed func() []string, matches func(want, got string) bool) {
	v.t.Helper()
	testwait.NoError(v.t, fmt.Sprintf("docs/tour.md:%d: %s", c.line+1, c.text), func() error {
		want, got := lasting(c.output), lasting(printed())
		if !matches(want, got) {
			return fmt.Errorf("\nwant:\n%s\ngot:\n%s", want, got)
		}
		return nil
	})
}

// settle waits until the output has been the same for a while.
func (v *visit) settle(what string, printed func() string) {
	v.t.Helper()
	last, since := "", time.Now()
	testwait.NoError(v.t, what, func() error {
		if now := printed(); now != last || now == "" {
			last, since = now, time.Now()
		}
		if time.Since(since) < 3*time.Second {
			return fmt.Errorf("it changes: %s", last)
		}
		return nil
	})
}

// output is what a command prints, so far.
type output struct {
	logtest.Buffer
	back *strings.Replacer
}

// process is the name of a process, which begins with the host's.
var process = regexp.MustCompile(`\S+_([A-Za-z0-9]{22})`)

// lines returns the output as the page shows it.
func (o *output) lines() []string {
	text := process.ReplaceAllString(o.back.Replace(o.String()), "host_$1")
	if text = strings.TrimRight(text, "\n"); text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}
