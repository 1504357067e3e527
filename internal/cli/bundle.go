package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/daemon"
	"odasync/internal/ops"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/support"
	"odasync/internal/target"
)

func supportBundleCommand() *cli.Command {
	return &cli.Command{
		Name:  "support-bundle",
		Usage: "write an archive with what a maintainer needs, without secrets",
		Description: "Writes a tar.gz file with versions, the configuration of ctl, the status of every process with the last full sync and\n" +
			"reconcile, the components that are not in sync, the dead letters without their content, and the streams, buckets and\n" +
			"consumers on the NATS server. Values of secret variables, passwords in URLs and credentials in headers are replaced by ***. Names,\n" +
			"addresses and error messages are in it: read it before you publish it.\n\n" +
			"Exit code 2: NATS cannot be reached; the archive is written all the same, with the configuration and the error.\n\n" +
			"Examples:\n" +
			"  ctl support-bundle\n" +
			"  ctl support-bundle -f /tmp/odasync.tar.gz",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "the `FILE` to write (default: odasync-support-TIME.tar.gz)"},
			targetFlag(),
			timeoutFlag(30 * time.Second),
		},
		Action: supportBundleAction,
	}
}

func supportBundleAction(c *cli.Context) (err error) {
	if err := noArgs(c); err != nil {
		return err
	}
	at := time.Now()
	path := c.String("file")
	if path == "" {
		path = support.Name(at) + ".tar.gz"
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists: remove it, or give another --file", path)
	}
	if err != nil {
		return fmt.Errorf("create the archive: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil && !errors.Is(err, errUnreachable) {
			_ = os.Remove(path) // it is not complete
		}
	}()
	unreachable, err := writeBundle(c, file, at)
	if err != nil {
		return err
	}
	if err := line(c.App.Writer, "%s", path); err != nil || unreachable == nil {
		return err
	}
	note(c, "ctl: %v: the archive only has the configuration", unreachable)
	return errUnreachable
}

// writeBundle writes the archive; unreachable is why it has nothing from NATS.
func writeBundle(c *cli.Context, out io.Writer, at time.Time) (unreachable, err error) {
	sections := append(new(daemon.WatcherConfig).Sections(), new(daemon.SyncerConfig).Sections()...)
	variables := config.Variables(append(sections, new(daemon.EnvConfig).Sections()...)...)
	environment, contextErr := load(c.Context) // with the selected context
	if contextErr != nil {
		if environment, err = config.Environment(); err != nil {
			return nil, err
		}
	}
	redact := support.NewRedactor(variables, environment.Lookup)
	archive := support.NewArchive(out, redact, at)
	if contextErr != nil {
		archive.Failed("configuration.json", contextErr)
	}
	err = errors.Join(
		archive.Collect("about.json", func() (any, error) {
			return about{Time: at.UTC(), Version: ops.BuildInfo(), System: runtime.GOOS + "/" + runtime.GOARCH}, nil
		}),
		archive.Collect("configuration.json", func() (any, error) { return support.Settings(variables, environment.Lookup, redact), nil }),
	)
	if err != nil {
		return nil, err
	}
	ctx, s, end, unreachable := beginStream(c)
	if unreachable != nil {
		archive.Failed("nats", unreachable)
		return unreachable, archive.Close()
	}
	defer end()
	return nil, errors.Join(s.collect(ctx, archive), archive.Close())
}

// about is the document about.json.
type about struct {
	Time    time.Time `json:"time"`
	Version string    `json:"version"` // of ctl
	System  string    `json:"system"`
}

// collect adds what is known from NATS. A part that cannot be read is an error in the archive alone.
func (s *session) collect(ctx context.Context, archive *support.Archive) error {
	return errors.Join(
		archive.Collect("server.json", func() (any, error) {
			nc := s.conn.NATS()
			return natsServer{s.conn.Server(), nc.ConnectedServerVersion(), nc.MaxPayload(), nc.ConnectedClusterName()}, nil
		}),
		archive.Collect("status.json", func() (any, error) { return s.status(ctx) }),
		archive.Collect("targets.json", func() (any, error) { return s.log.Registries(ctx) }),
		archive.Collect("not-in-sync.json", func() (any, error) { return s.notInSync(ctx) }),
		archive.Collect("dead-letters.json", func() (any, error) { return s.deadLetterSummary(ctx) }),
		archive.Collect("streams.json", func() (any, error) { return s.streams(ctx) }),
		archive.Collect("consumers.json", func() (any, error) { return s.consumers(ctx) }),
	)
}

// natsServer is the document server.json.
type natsServer struct {
	URL        string `json:"url"` // without credentials
	Version    string `json:"version"`
	MaxPayload int64  `json:"maxPayload"`
	Cluster    string `json:"cluster"`
}

// maxNotInSync bounds the components that the archive lists.
const maxNotInSync = 1000

// unsynced is a component that is not in sync, with its attempts and without its content.
type unsynced struct {
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	Sequence  uint64           `json:"sequence"` // of its newest event
	Registry  InRegistry       `json:"registry"`
	Reason    target.Class     `json:"reason"`
	Intent    uint64           `json:"intent"`
	Attempts  int              `json:"attempts"`
	Recent    []target.Attempt `json:"recent"`
}

// notInSync lists the first components that are not in sync.
func (s *session) notInSync(ctx context.Context) ([]unsynced, error) {
	if s.states == nil {
		return nil, errors.New("no syncer has created the sync state")
	}
	all, err := s.standing(ctx)
	if err != nil {
		return nil, err
	}
	items, err := s.itemsOf(ctx, all, func(component.Key) bool { return true }, func(error) {})
	list := []unsynced{}
	for n := range items {
		i := &items[n]
		if i.Registry.State == stateSynced || i.Registry.State == stateDeleted || len(list) == maxNotInSync {
			continue
		}
		state := all.states[i.key()]
		list = append(list, unsynced{
			Namespace: i.Namespace, Name: i.Name, Sequence: i.Sequence, Registry: i.Registry,
			Reason: state.Reason, Intent: state.Intent, Attempts: state.Attempts, Recent: append([]target.Attempt{}, state.Recent...),
		})
	}
	return list, err
}

// deadLetterSummary lists the dead letters without the content of their events.
func (s *session) deadLetterSummary(ctx context.Context) ([]store.DeadLetter, error) {
	kept, err := store.OpenDeadLetters(ctx, s.conn, s.target)
	if err != nil {
		return nil, err
	}
	all := []store.DeadLetter{}
	var malformed error
	err = kept.All(ctx, func(d store.DeadLetter, err error) {
		d.Event.Component = nil
		if malformed = errors.Join(malformed, err); err == nil {
			all = append(all, d)
		}
	})
	return all, errors.Join(err, malformed)
}

// streams describes the streams and buckets of odasync.
func (s *session) streams(ctx context.Context) (map[string]*jetstream.StreamInfo, error) {
	all := map[string]*jetstream.StreamInfo{}
	for _, name := range append([]string{stream.StreamName}, store.Streams()...) {
		found, err := s.conn.JetStream().Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			all[name] = nil
			continue
		}
		if err != nil {
			return nil, err
		}
		all[name] = found.CachedInfo()
	}
	return all, nil
}

// consumers describes the consumers of the stream of components.
func (s *session) consumers(ctx context.Context) ([]*jetstream.ConsumerInfo, error) {
	components, err := s.conn.JetStream().Stream(ctx, stream.StreamName)
	if err != nil {
		return nil, err
	}
	list, all := components.ListConsumers(ctx), []*jetstream.ConsumerInfo{}
	for info := range list.Info() {
		all = append(all, info)
	}
	return all, list.Err()
}
