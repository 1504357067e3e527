package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/control"
	"odasync/internal/natsconn"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/watcher"
)

// session is a connection to NATS with the configured cluster and target.
type session struct {
	conn    *natsconn.Conn
	log     *stream.Log
	states  *store.States
	cluster string
	target  string
}

// ctlName is the name of ctl's connections to NATS.
const ctlName = "odasync-ctl"

// begin opens the session of a command, within its --timeout. The caller calls end when it is done.
func begin(c *cli.Context, more ...config.Section) (ctx context.Context, s *session, end func(), err error) {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	if s, err = openSession(ctx, more...); err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, s, func() { s.conn.Close(); cancel() }, nil
}

// openSession connects to what exists; it creates nothing. It loads more sections beside its own. The
// caller closes the connection.
func openSession(ctx context.Context, more ...config.Section) (*session, error) {
	s, err := openStream(ctx, more...)
	if err != nil {
		return nil, err
	}
	if s.states, err = store.OpenStates(ctx, s.log, s.target); err != nil {
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

// control returns a client for requests to running processes.
func (s *session) control() *control.Client { return control.NewClient(s.conn.NATS()) }

// openStream is openSession without the sync state, which only a syncer creates.
func openStream(ctx context.Context, more ...config.Section) (*session, error) {
	var (
		broker  natsconn.Config
		watched watcher.Config
		fed     syncer.Config
	)
	if _, err := load(ctx, append([]config.Section{&broker, &watched, &fed}, more...)...); err != nil {
		return nil, err
	}
	conn, err := dial(ctx, broker)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, cluster: watched.ClusterName, target: fed.Target}
	if s.log, err = stream.OpenLog(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// dial connects to NATS.
func dial(ctx context.Context, broker natsconn.Config) (*natsconn.Conn, error) {
	conn, err := natsconn.Dial(ctx, broker, ctlName, abort(ctx))
	return conn, withContext(ctx, err)
}

// Problems that several commands report.
const (
	noWatcher = "no watcher leads cluster %q: start one, or set CLUSTER_NAME to another cluster"
	noSyncer  = "no syncer of target %q is running: start one, or select another target with --target"
	ambiguous = "%d components have the name %q: select one with -n NAMESPACE"
)

// abortKey is the key of a context's abort function.
type abortKey struct{}

// withAbort returns a context that abort ends.
func withAbort(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return context.WithValue(ctx, abortKey{}, cancel), func() { cancel(nil) }
}

// abort returns the function that ends a command with an error. NATS reports a missing permission to the connection alone;
// the request itself would only time out.
func abort(ctx context.Context) func(error) {
	if cancel, ok := ctx.Value(abortKey{}).(context.CancelCauseFunc); ok {
		return cancel
	}
	return func(error) {}
}
