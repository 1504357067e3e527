package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

// Report is what `ctl test` prints. The shape is stable; see docs/api.md.
type Report struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is one line of a report.
type Check struct {
	Name string `json:"name"`
	// Status is ok, failed, or skipped where an earlier failure makes it pointless.
	Status string `json:"status"`
	// Detail is what was found: of a failure its reason.
	Detail string `json:"detail"`
	// Hint says what to do about a failure; empty otherwise.
	Hint string `json:"hint"`
	// Milliseconds is how long the check took.
	Milliseconds int64 `json:"milliseconds"`
}

// The words for Check.Status.
const (
	checkOK      = "ok"
	checkFailed  = "failed"
	checkSkipped = "skipped"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name:  "test",
		Usage: "check Kubernetes, NATS and the registry, and say what is wrong",
		Flags: []cli.Flag{outputFlag("table", "json", "yaml"), timeoutFlag(10 * time.Second)},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("unexpected argument %q: see ctl test --help", c.Args().First())
			}
			examiner := &examiner{timeout: c.Duration("timeout")}
			if err := examiner.examine(c.Context); err != nil {
				return err
			}
			return printReport(c, examiner.report())
		},
	}
}

// examiner runs checks one by one.
type examiner struct {
	timeout time.Duration
	checks  []Check
}

// check runs one check and says whether it went well. The error's words are the detail, the hint says what to do.
func (e *examiner) check(ctx context.Context, name, hint string, run func(context.Context) (detail string, err error)) bool {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	started := time.Now()
	detail, err := run(ctx)
	c := Check{Name: name, Status: checkOK, Detail: detail, Milliseconds: time.Since(started).Milliseconds()}
	if err != nil {
		c.Status, c.Detail, c.Hint = checkFailed, err.Error(), hint
	}
	e.checks = append(e.checks, c)
	return err == nil
}

// skip notes checks that an earlier failure makes pointless.
func (e *examiner) skip(reason string, names ...string) {
	for _, name := range names {
		e.checks = append(e.checks, Check{Name: name, Status: checkSkipped, Detail: reason})
	}
}

func (e *examiner) report() Report {
	r := Report{OK: true, Checks: e.checks}
	for _, c := range e.checks {
		r.OK = r.OK && c.Status == checkOK
	}
	return r
}

func printReport(c *cli.Context, r Report) error {
	done, err := printAs(c.App.Writer, c.String("output"), r)
	if err == nil && !done {
		rows := make([][]string, len(r.Checks))
		for i, check := range r.Checks {
			rows[i] = []string{check.Name, check.Status, check.Detail}
		}
		err = table(c.App.Writer, []string{"CHECK", "STATUS", "DETAIL"}, rows)
		for _, check := range r.Checks {
			if check.Hint != "" {
				_, _ = fmt.Fprintf(c.App.ErrWriter, "%s: %s\n", check.Name, check.Hint) // the table has the failure itself
			}
		}
	}
	if err == nil && !r.OK {
		err = errNegative
	}
	return err
}
