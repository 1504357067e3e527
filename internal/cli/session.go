package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/sethvargo/go-envconfig"
	"github.com/urfave/cli/v2"

	"odasync/internal/config"
	"odasync/internal/control"
	"odasync/internal/store"
	"odasync/internal/stream"
	"odasync/internal/syncer"
	"odasync/internal/watcher"
)

// session is what a command needs to look into the pipeline: the broker, and which cluster and target are meant.
type session struct {
	conn    *stream.Conn
	log     *stream.Log
	states  *store.States
	cluster string
	target  string
}

// ctlName is ctl's on the broker.
const ctlName = "odasync-ctl"

// load fills the sections from the environment and .env, and returns where it looked.
func load(ctx context.Context, sections ...config.Section) (envconfig.Lookuper, error) {
	variables, err := config.Environment()
	if err != nil {
		return nil, err
	}
	if err := config.Load(ctx, variables, sections...); err != nil {
		return nil, fmt.Errorf("wrong configuration:\n%w", err)
	}
	return variables, nil
}

// begin is openSession for a command, within its --timeout. The caller calls end when it is done.
func begin(c *cli.Context, more ...config.Section) (ctx context.Context, s *session, end func(), err error) {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	if s, err = openSession(ctx, more...); err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, s, func() { s.conn.Close(); cancel() }, nil
}

// openSession connects and reads; it creates nothing. More sections are loaded beside its own. The caller closes the
// connection.
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
		broker  stream.Config
		watched watcher.Config
		fed     syncer.Config
	)
	if _, err := load(ctx, append([]config.Section{&broker, &watched, &fed}, more...)...); err != nil {
		return nil, err
	}
	conn, err := stream.Dial(broker, ctlName, giveUp(ctx))
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, cluster: watched.ClusterName, target: fed.Target}
	if s.log, err = conn.OpenLog(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// giveUpKey finds in a command's context what ends it early.
type giveUpKey struct{}

// withGiveUp returns a context that giveUp ends.
func withGiveUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return context.WithValue(ctx, giveUpKey{}, cancel), func() { cancel(nil) }
}

// giveUp ends a command with a reason that whatever it waits for would not tell: a broker that refuses a request is
// silent to who waits for the answer.
func giveUp(ctx context.Context) func(error) {
	if cancel, ok := ctx.Value(giveUpKey{}).(context.CancelCauseFunc); ok {
		return cancel
	}
	return func(error) {}
}

// reason returns why a command was given up, or else its error.
func reason(ctx context.Context, err error) error {
	var refused *stream.PermissionError
	if errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return err
}
