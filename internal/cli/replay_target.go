package cli

import (
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

	"odasync/internal/registry"
	v1 "odasync/internal/registry/v1"
	"odasync/internal/stream"
	"odasync/internal/syncer"
)

// replayTarget is the stream that is replayed and the registry that it is replayed to.
type replayTarget struct {
	*session
	syncer   syncer.Config
	address  string
	registry *v1.Adapter
	ports    syncer.Dependencies
	steps    *steps // the states to apply one by one; nil for the newest
	live     bool
	sessions *stream.Sessions // nil where no syncer works beside it
}

// openReplayTarget connects, and refuses a registry that the replay must not write to. It writes nothing.
func openReplayTarget(ctx context.Context, c *cli.Context, chosen choice) (_ *replayTarget, err error) {
	var cfg registry.Config
	t := &replayTarget{live: chosen.To == ""}
	variables, err := load(ctx, &t.syncer, &cfg)
	if err != nil {
		return nil, err
	}
	live := ""
	if _, set := variables.Lookup("COMPONENT_REGISTRY_URL"); set {
		live = cfg.Address()
	}
	if !t.live {
		if cfg, err = otherRegistry(ctx, c, cfg); err != nil {
			return nil, err
		}
	}
	t.address = cfg.Address()
	if t.session, err = openStream(ctx); err != nil {
		return nil, err
	}
	if t.live {
		err = t.log.CheckFeeds(ctx, t.target, t.address)
	} else {
		err = t.refuseFed(ctx, live)
	}
	if err == nil {
		t.registry = v1.New(cfg, v1.NewMetrics(prometheus.NewRegistry()), zerolog.Nop())
		err = t.open(ctx, chosen)
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// open makes the ports: beside the syncers of the target, or alone with a registry that no target feeds.
func (t *replayTarget) open(ctx context.Context, chosen choice) (err error) {
	if chosen.EveryEvent {
		t.steps = newSteps()
		t.ports = syncer.InMemory(t.steps, t.registry, t.registry)
		return nil
	}
	if !t.live {
		t.ports = syncer.InMemory(t.log, t.registry, t.registry)
		return nil
	}
	t.ports = syncer.Dependencies{Heads: t.log, Registry: t.registry, Probe: t.registry}
	sessions, err := t.conn.OpenSessions(ctx, t.target)
	if err != nil {
		return err
	}
	t.ports.Sessions, t.sessions = sessions, sessions
	if t.ports.States, err = t.log.OpenStates(ctx, t.target); err != nil {
		return err
	}
	t.ports.DeadLetters, err = t.conn.OpenDeadLetters(ctx, t.target)
	return err
}

func (t *replayTarget) close() {
	if t.sessions != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = t.sessions.Close(ctx) // or the server expires it
	}
	if t.registry != nil {
		t.registry.Close()
	}
	t.conn.Close()
}

// otherRegistry is the configuration of --to: the live one's, with an address and a key of its own.
func otherRegistry(ctx context.Context, c *cli.Context, cfg registry.Config) (registry.Config, error) {
	if u, err := url.Parse(c.String("to")); err == nil && u.User != nil {
		return cfg, errors.New("--to has a user or a password in it, which everybody on this machine can read: give a key with --to-api-key-file")
	}
	cfg.URL, cfg.APIKey = c.String("to"), ""
	if err := cfg.Validate(); err != nil { // the rest of it has been validated
		return cfg, errors.New(strings.ReplaceAll(err.Error(), "COMPONENT_REGISTRY_URL", "--to"))
	}
	if file := c.String("to-api-key-file"); file != "" {
		var err error
		if cfg.APIKey, err = keyIn(ctx, "to-api-key-file", file); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// refuseFed refuses to build a registry that syncers write to: claims and sync state would not protect it.
func (t *replayTarget) refuseFed(ctx context.Context, live string) error {
	feeds, err := t.log.Feeds(ctx)
	if err != nil {
		return err
	}
	for target, address := range feeds {
		if sameAddress(address, t.address) {
			return fmt.Errorf("--to is the live registry of target %q: leave --to out to replay to it (SYNC_TARGET=%s)", target, target)
		}
	}
	if live != "" && sameAddress(live, t.address) {
		return errors.New("--to is the live registry of COMPONENT_REGISTRY_URL: leave --to out to replay to it")
	}
	return nil
}

// sameAddress compares where two addresses lead, as far as their text tells.
func sameAddress(a, b string) bool { return canonicalAddress(a) == canonicalAddress(b) }

func canonicalAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	scheme := strings.ToLower(u.Scheme)
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(host, port) + strings.TrimRight(u.Path, "/")
}
