package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/ops"
	"odasync/internal/refregistry"
	"odasync/internal/refregistry/auth"
	"odasync/internal/refregistry/tmf639"
	"odasync/internal/registry"
)

func registryCommand() *cli.Command {
	return &cli.Command{
		Name:  "registry",
		Usage: "run the reference Component Registry, or verify another one",
		Subcommands: []*cli.Command{verifyCommand(), {
			Name:  "serve",
			Usage: "serve the reference Component Registry, for evaluation and tests",
			Description: "The content is in memory: after a restart a syncer fills the registry again. A browser shows the components at the\n" +
				"registry's address.\n\n" +
				"Requests need the key in --api-key-file, COMPONENT_REGISTRY_API_KEY or COMPONENT_REGISTRY_API_KEY_FILE as a bearer\n" +
				"token; a browser sends it as the password of any user.\n\n" +
				"With --api tmf639 the registry behaves as that of the ODA Canvas. --auth makes it require tokens, which it issues itself:\n" +
				"the file has one client a line, as id:secret:role,role, with the roles sync, query, ui-viewer, ui-admin and admin.\n\n" +
				"Examples:\n" +
				"  ctl registry serve --listen 127.0.0.1:8000\n" +
				"  ctl registry serve --api tmf639 --auth clients.txt",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8000", Usage: "`ADDRESS` to listen on"},
				&cli.StringFlag{Name: "api", Value: refregistry.V1, Usage: "`API` of the registry: v1 or tmf639"},
				&cli.StringFlag{Name: "api-key-file", Usage: "`FILE` with the API key that requests need (default: COMPONENT_REGISTRY_API_KEY)"},
				&cli.StringFlag{Name: "auth", Usage: "tmf639: `FILE` with the clients that can request tokens, which all requests then need"},
				&cli.StringFlag{Name: "name", Usage: "tmf639: `NAME` in the health check (default: self)"},
				&cli.BoolFlag{Name: "friendly", Usage: "tmf639: filter before paging, and accept bare names as ids"},
			},
			Action: serveRegistry,
		}},
	}
}

func serveRegistry(c *cli.Context) error {
	breakPipes()
	if err := noArgs(c); err != nil {
		return err
	}
	cfg, err := registryConfig(c)
	if err != nil {
		return err
	}
	log := ops.NewLogger(ops.Config{LogLevel: "INFO", LogFormat: "console"}, c.App.ErrWriter)
	served := refregistry.New(cfg)
	listener, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return fmt.Errorf("serve the registry: %w: choose a free address with --listen", err)
	}
	note(c, "reference registry at http://%s (%s), content in memory", listener.Addr(), cfg.API)
	if cfg.Auth != nil {
		note(c, "tokens at http://%s%s", listener.Addr(), auth.TokenPath)
	}
	if address, ok := listener.Addr().(*net.TCPAddr); ok && !address.IP.IsLoopback() && cfg.APIKey == "" && cfg.Auth == nil {
		note(c, "the registry accepts writes from every client that reaches this address: set a key with --api-key-file")
	}
	return refregistry.Serve(c.Context, listener, served, log)
}

func registryConfig(c *cli.Context) (refregistry.Config, error) {
	cfg := refregistry.Config{API: c.String("api"), Name: c.String("name"), Friendly: c.Bool("friendly")}
	if err := checkRegistryAPI("api", cfg.API); err != nil {
		return cfg, err
	}
	for _, flag := range []string{"auth", "name", "friendly"} {
		if c.IsSet(flag) && cfg.API != refregistry.TMF639 {
			return cfg, fmt.Errorf("--%s needs --api tmf639", flag)
		}
	}
	key, err := registryKey(c)
	if err != nil {
		return cfg, err
	}
	cfg.APIKey = key.Reveal()
	if c.IsSet("auth") {
		cfg.Auth, err = authFromFile(c.String("auth"))
	}
	return cfg, err
}

func checkRegistryAPI(flag, api string) error {
	if api != refregistry.V1 && api != refregistry.TMF639 {
		return fmt.Errorf("--%s is %q: v1 or tmf639", flag, api)
	}
	return nil
}

// authFromFile reads the clients of --auth. They are in a file for the same reason as the key.
func authFromFile(file string) (*auth.Config, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the clients of --auth: %w", err)
	}
	clients, err := auth.ParseClients(string(content), tmf639.Roles)
	if err != nil {
		return nil, fmt.Errorf("read the file %q of --auth: %w", file, err)
	}
	return &auth.Config{Clients: clients}, nil
}

// registryKey reads the flag's file, or else the variables of the syncer. No flag takes the key itself: every user of the
// machine can read a process's arguments.
func registryKey(c *cli.Context) (config.Secret, error) {
	var fed registry.Config
	if !c.IsSet("api-key-file") {
		_, err := load(c.Context, &fed)
		return config.Secret(fed.APIKey.Reveal()), err
	}
	return keyFromFile(c.Context, "api-key-file", c.String("api-key-file"))
}

// keyFromFile reads a registry's key from the file that a flag names.
func keyFromFile(ctx context.Context, flag, file string) (config.Secret, error) {
	var holder registry.Config
	err := config.Load(ctx, envconfig.MapLookuper(map[string]string{"COMPONENT_REGISTRY_API_KEY" + config.FileSuffix: file}), &holder)
	if err == nil && holder.APIKey.Reveal() == "" {
		err = errors.New("the file has no key")
	}
	if err != nil {
		return "", fmt.Errorf("read the file %q of --%s: %w", file, flag, err)
	}
	return config.Secret(holder.APIKey.Reveal()), nil
}
