package daemon

import (
	"context"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"

	"odasync/internal/stream"
)

// connect returns a connection; only its own files, such as credentials, can make it wait.
func connect(ctx context.Context, cfg stream.Config, name string, log zerolog.Logger, options []nats.Option) (conn *stream.Conn, err error) {
	err = retry(ctx, log, "cannot connect to nats", func(context.Context) error {
		conn, err = stream.Connect(cfg, name, log, options...)
		return err
	})
	return conn, err
}

// identity names this process; no other process ever has the same.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "_" + nuid.Next()
}
