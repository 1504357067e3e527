package refregistry

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

const (
	// shutdownGrace is how long requests in progress may take.
	shutdownGrace = 10 * time.Second
	// idleTimeout is that of uvicorn, which serves the deployed registries: a
	// client that keeps connections for longer meets resets.
	idleTimeout = 5 * time.Second
)

// Serve serves the registry on the listener until ctx ends, then lets requests
// finish and returns nil. The listener is closed in every case.
func Serve(ctx context.Context, listener net.Listener, s *Server, log zerolog.Logger) error {
	// Requests outlive ctx during the shutdown; hanging ones end with it.
	requests, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          stdlog.New(log.With().Str("level", zerolog.LevelWarnValue).Logger(), "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()
	log.Info().Stringer("address", listener.Addr()).Msg("component registry listening")

	select {
	case err := <-ended:
		return fmt.Errorf("serve component registry: %w", err)
	case <-ctx.Done():
	}
	release()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	<-ended
	if err != nil {
		return fmt.Errorf("shut down component registry: %w", err)
	}
	log.Info().Msg("component registry stopped")
	return nil
}
