package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
	"odasync/internal/registry/auth"
	"odasync/internal/replay"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
)

// openedReplay is a replay with its connections.
type openedReplay struct {
	*session
	replay   *replay.Replay
	cfg      replay.Config
	registry *adapter.Late
	sessions *store.Sessions // nil where no syncer feeds the registry
}

// openReplay connects, and refuses a registry that the replay must not write to. It writes nothing.
func openReplay(ctx context.Context, c *cli.Context, x replayFlags) (_ *openedReplay, err error) {
	var (
		cfg  registry.Config
		fed  syncer.Config
		live string // COMPONENT_REGISTRY_URL where it is set
	)
	variables, err := load(ctx, &fed, &cfg)
	if err != nil {
		return nil, err
	}
	if _, set := variables.Lookup("COMPONENT_REGISTRY_URL"); set {
		live = cfg.Address()
	}
	if x.To != "" {
		if cfg, err = otherRegistry(ctx, x, cfg); err != nil {
			return nil, err
		}
	}
	o := &openedReplay{cfg: replay.Config{Syncer: fed}}
	o.cfg.Syncer.Concurrency = cmp.Or(x.concurrency, fed.Concurrency)
	if o.session, err = openStream(ctx); err != nil {
		return nil, err
	}
	if x.To == "" {
		err = o.log.CheckRegistry(ctx, o.target, cfg.Address())
	} else {
		err = o.checkNotLive(ctx, cfg.Address(), live)
	}
	if err == nil {
		o.registry = adapter.OpenLate(cfg, prometheus.NewRegistry(), zerolog.Nop())
		o.replay = &replay.Replay{Source: o.log, Cluster: o.cluster, Choice: x.Choice, Command: x.command(false)}
		o.replay.Destination, err = o.destination(ctx, x.To == "", cfg.Address())
	}
	if err == nil && !c.Bool("dry-run") {
		err = o.reach(ctx, cfg.Address())
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// destination is the target's registry, beside its syncers, or one that no target feeds.
func (o *openedReplay) destination(ctx context.Context, live bool, address string) (d replay.Destination, err error) {
	d = replay.Destination{Address: address, Dependencies: syncer.InMemory(o.log, o.registry, o.registry)}
	if !live {
		return d, nil
	}
	d.Target = o.target
	if o.sessions, err = store.OpenSessions(ctx, o.conn, o.target); err != nil {
		return d, err
	}
	d.Dependencies.Sessions = o.sessions
	if d.Dependencies.States, err = store.OpenStates(ctx, o.log, o.target); err != nil {
		return d, err
	}
	d.Dependencies.DeadLetters, err = store.OpenDeadLetters(ctx, o.conn, o.target)
	return d, err
}

// reach returns an error where the registry cannot be connected to now. One that fails otherwise may recover during the replay.
func (o *openedReplay) reach(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	err := o.registry.Health(ctx)
	if network := net.Error(nil); errors.As(err, &network) {
		return fmt.Errorf("the registry at %s cannot be reached: %w: check its address, and that it is running", address, err)
	}
	return nil
}

func (o *openedReplay) close() {
	if o.sessions != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = o.sessions.Close(ctx) // or the server expires it
	}
	if o.registry != nil {
		o.registry.Close()
	}
	o.conn.Close()
}

// otherRegistry is the configuration of --to: the live one's, with an address and a key of its own.
func otherRegistry(ctx context.Context, x replayFlags, cfg registry.Config) (registry.Config, error) {
	if u, err := url.Parse(x.To); err == nil && u.User != nil {
		return cfg, errors.New("--to contains a user or a password, which every user of this machine can read: give a key with --to-api-key-file")
	}
	cfg.URL, cfg.APIKey, cfg.OAuth2 = x.To, config.ReloadingSecret{}, auth.Config{}
	if err := cfg.Validate(); err != nil { // the rest of it has been validated
		return cfg, errors.New(strings.ReplaceAll(err.Error(), "COMPONENT_REGISTRY_URL", "--to"))
	}
	if x.toKeyFile != "" {
		key, err := keyFromFile(ctx, "to-api-key-file", x.toKeyFile)
		if err != nil {
			return cfg, err
		}
		cfg.APIKey = config.Fixed(key)
	}
	return cfg, nil
}

// checkNotLive refuses to build a registry that syncers write to: claims and sync state would not protect it.
func (o *openedReplay) checkNotLive(ctx context.Context, address, live string) error {
	feeds, err := o.log.Registries(ctx)
	if err != nil {
		return err
	}
	for target, fed := range feeds {
		if stream.SameRegistry(fed, address) {
			return fmt.Errorf("--to is the live registry of target %q: omit --to to replay to it (SYNC_TARGET=%s)", target, target)
		}
	}
	if live != "" && stream.SameRegistry(live, address) {
		return errors.New("--to is the live registry of COMPONENT_REGISTRY_URL: omit --to to replay to it")
	}
	return nil
}
