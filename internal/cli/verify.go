package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/progress"
	"odasync/internal/registry"
	"odasync/internal/registry/conformance"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "check that a registry behaves as odasync needs it",
		Description: "Runs a table of behaviours against a live registry: creations, updates, moves and deletions, broken connections between\n" +
			"any two requests, concurrent replicas, special names, and what other programs write. Everything is written under a\n" +
			"name of its own, odasync-verify-…, and removed afterwards, also after Ctrl-C. Nothing else in the registry is changed.\n\n" +
			"Key, OAuth2 client, certificates, proxy and limits are those of the environment, as for a syncer.\n\n" +
			"Exit code 0: every case passes. 1: a case fails. 2: the registry cannot be used.\n\n" +
			"Examples:\n" +
			"  ctl registry verify --url https://registry.example.org\n" +
			"  ctl registry verify --case create --case delete -o json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Usage: "`URL` of the registry (default: COMPONENT_REGISTRY_URL)"},
			&cli.StringFlag{Name: "api", Usage: "`API` of the registry: v1, tmf639 or auto (default: COMPONENT_REGISTRY_API)"},
			&cli.StringSliceFlag{Name: "case", Usage: "only the case of this `NAME`; may be repeated"},
			&cli.BoolFlag{Name: "large", Usage: "also the cases that write more entries than a page of the registry has"},
			outputFlag("table", "json", "yaml"),
			timeoutFlag(15 * time.Minute),
		},
		Action: verifyAction,
	}
}

// Verification is what `ctl registry verify` prints. The shape is stable; see docs/api.md.
type Verification struct {
	OK       bool   `json:"ok"`
	Registry string `json:"registry"`
	API      string `json:"api"`
	// Name is what the names of everything that was written begin with.
	Name  string               `json:"name"`
	Cases []conformance.Result `json:"cases"`
}

func verifyAction(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	cfg, err := verifiedRegistry(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	suite, err := conformance.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("the registry cannot be used: %w", err)
	}
	report := Verification{Registry: cfg.Address(), API: suite.API(), Name: suite.Name()}
	err = report.run(ctx, c, suite)
	if err := errors.Join(err, suite.Close(ctx)); err != nil {
		return err
	}
	return report.print(c)
}

// verifiedRegistry is the configured registry, with the address and the API of the flags.
func verifiedRegistry(c *cli.Context) (cfg registry.Config, err error) {
	if _, err := load(c.Context, &cfg); err != nil {
		return cfg, err
	}
	if u, err := url.Parse(c.String("url")); err == nil && u.User != nil {
		return cfg, errors.New("--url contains a user or a password, which every user of this machine can read: set COMPONENT_REGISTRY_URL")
	}
	cfg.URL, cfg.API = cmp.Or(c.String("url"), cfg.URL), cmp.Or(c.String("api"), cfg.API)
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("with --url and --api: %w", err)
	}
	return cfg, nil
}

// run runs the selected cases, with progress.
func (r *Verification) run(ctx context.Context, c *cli.Context, suite *conformance.Suite) error {
	cases, err := conformance.Select(conformance.Cases(suite.API(), c.Bool("large")), c.StringSlice("case")...)
	if err != nil {
		return fmt.Errorf("--case: %w", err)
	}
	note(c, "verifying %s (%s) under the name %s, which is removed afterwards", r.Registry, r.API, r.Name)
	bar := progress.New(c.App.ErrWriter)
	defer bar.End()
	r.OK = true
	for done, each := range cases {
		bar.Step(done, len(cases))
		result, err := suite.Run(ctx, each)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("--timeout is over: give more time, or select cases with --case")
		}
		if err != nil {
			return fmt.Errorf("ended in the case %s, after %d of %d: %w", each.Name, done, len(cases), err)
		}
		r.Cases = append(r.Cases, result)
		r.OK = r.OK && result.Status == conformance.StatusOK
	}
	bar.Step(len(cases), len(cases))
	return nil
}

func (r *Verification) print(c *cli.Context) error {
	done, err := printAs(c.App.Writer, c.String("output"), r)
	if err == nil && !done {
		rows := make([][]string, len(r.Cases))
		for i, result := range r.Cases {
			rows[i] = []string{result.Name, result.Status, fmt.Sprintf("%d ms", result.Milliseconds), result.Detail}
		}
		err = table(c, []string{"CASE", "STATUS", "TIME", "DETAIL"}, rows)
	}
	if err == nil && !r.OK {
		err = errNegative
	}
	return err
}
