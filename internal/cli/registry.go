package cli

import (
	"fmt"
	"net"
	"os"

	"github.com/urfave/cli/v2"

	"odasync/internal/ops"
	"odasync/internal/refregistry"
)

func registryCommand() *cli.Command {
	return &cli.Command{
		Name:  "registry",
		Usage: "work with the reference Component Registry",
		Subcommands: []*cli.Command{{
			Name:  "serve",
			Usage: "serve a reference Component Registry (v1), for trying odasync and for tests",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8000", Usage: "`ADDRESS` to listen on"},
				&cli.StringFlag{Name: "api-key", EnvVars: []string{"REGISTRY_API_KEY"}, Usage: "the Bearer `KEY` that requests must carry"},
			},
			Action: serveRegistry,
		}},
	}
}

func serveRegistry(c *cli.Context) error {
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return fmt.Errorf("serve the registry: %w: choose a free address with --listen", err)
	}
	log := ops.NewLogger(ops.Config{LogLevel: "INFO", LogFormat: "console"}, os.Stderr)
	fmt.Fprintf(c.App.ErrWriter, "reference registry at http://%s\n", listener.Addr())
	return refregistry.Serve(c.Context, listener, refregistry.New(refregistry.Config{APIKey: c.String("api-key")}), log)
}
