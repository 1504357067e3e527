package cli

import "github.com/urfave/cli/v2"

// idleCommand keeps a container running in which ctl is run by hand: the image has no other program that waits.
func idleCommand() *cli.Command {
	return &cli.Command{
		Name:  "idle",
		Usage: "wait until it is stopped, for a container to run ctl in",
		Description: "It connects to nothing. The chart's toolbox runs it; run the other commands there with kubectl exec.\n\n" +
			"Examples:\n" +
			"  ctl idle",
		Action: func(c *cli.Context) error {
			if err := noArgs(c); err != nil {
				return err
			}
			<-c.Context.Done()
			return nil
		},
	}
}
