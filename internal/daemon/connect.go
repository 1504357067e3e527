package daemon

import (
	"context"
	"os"
	"time"

	"github.com/nats-io/nuid"
	"github.com/rs/zerolog"

	"odasync/internal/control"
	"odasync/internal/natsconn"
	"odasync/internal/ops"
)

// connect returns the connection and the log of a process. It waits only for local files, such as credentials.
func connect(ctx context.Context, cfg natsconn.Config, process string, env Env) (conn *natsconn.Conn, log zerolog.Logger, err error) {
	log = env.Log.With().Str("process", process).Logger()
	err = retry(ctx, log, "cannot connect to nats", func(context.Context) error {
		conn, err = natsconn.Connect(cfg, "odasync-"+process, log)
		return err
	})
	if err == nil {
		env.Health.Ready(checkNATS, conn.Check)
	}
	return conn, log, err
}

// processStatus returns a function for the status that every process has.
func processStatus(id string, env Env) func(context.Context) control.ProcessStatus {
	started := time.Now()
	return func(ctx context.Context) control.ProcessStatus {
		problems := env.Health.NotReady(ctx)
		return control.ProcessStatus{ID: id, Version: ops.Version(), Started: started, Ready: len(problems) == 0, Problems: problems}
	}
}

// identity returns a name of this process that is never reused.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "_" + nuid.Next()
}
