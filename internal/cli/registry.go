package cli

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
	"odasync/internal/registry"
)

func registryCommand() *cli.Command {
	return &cli.Command{
		Name:  "registry",
		Usage: "run the reference Component Registry",
		Subcommands: []*cli.Command{{
			Name:  "serve",
			Usage: "serve the reference Component Registry (v1), for evaluation and tests",
			Description: "The content is in memory: after a restart a syncer fills the registry again. A browser shows the components at the\n" +
				"registry's address.\n\n" +
				"Requests need the key in --api-key-file, COMPONENT_REGISTRY_API_KEY or COMPONENT_REGISTRY_API_KEY_FILE as a bearer\n" +
				"token; a browser sends it as the password of any user.\n\n" +
				"Examples:\n" +
				"  ctl registry serve --listen 127.0.0.1:8000",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8000", Usage: "`ADDRESS` to listen on"},
				&cli.StringFlag{Name: "api-key-file", Usage: "`FILE` with the API key that requests need (default: COMPONENT_REGISTRY_API_KEY)"},
			},
			Action: serveRegistry,
		}},
	}
}

func serveRegistry(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	key, err := registryKey(c)
	if err != nil {
		return err
	}
	log := ops.NewLogger(ops.Config{LogLevel: "INFO", LogFormat: "console"}, c.App.ErrWriter)
	served := refregistry.New(refregistry.Config{APIKey: key.Reveal()})
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return fmt.Errorf("serve the registry: %w: choose a free address with --listen", err)
	}
	note(c, "reference registry at http://%s, content in memory", listener.Addr())
	if address, ok := listener.Addr().(*net.TCPAddr); ok && !address.IP.IsLoopback() && key == "" {
		note(c, "the registry accepts writes from every client that reaches this address: set a key with --api-key-file")
	}
	return refregistry.Serve(c.Context, listener, served, log)
}

// registryKey reads the flag's file, or else the variables of the syncer. No flag takes the key itself: every user of the
// machine can read a process's arguments.
func registryKey(c *cli.Context) (config.Secret, error) {
	var fed registry.Config
	if !c.IsSet("api-key-file") {
		_, err := load(c.Context, &fed)
		return fed.APIKey, err
	}
	return keyFromFile(c.Context, "api-key-file", c.String("api-key-file"))
}

// keyFromFile reads a registry's key from the file that a flag names.
func keyFromFile(ctx context.Context, flag, file string) (config.Secret, error) {
	var holder registry.Config
	err := config.Load(ctx, envconfig.MapLookuper(map[string]string{"COMPONENT_REGISTRY_API_KEY" + config.FileSuffix: file}), &holder)
	if err == nil && holder.APIKey == "" {
		err = errors.New("the file has no key")
	}
	if err != nil {
		return "", fmt.Errorf("read the file %q of --%s: %w", file, flag, err)
	}
	return holder.APIKey, nil
}
