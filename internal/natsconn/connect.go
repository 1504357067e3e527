package natsconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"odasync/internal/condition"
	"odasync/internal/event"
)

// credentials are the variables with the credentials of a process.
const credentials = "NATS_USER, NATS_PASSWORD, NATS_CREDS"

// RequestTimeout bounds one request to the server.
const RequestTimeout = 5 * time.Second

// Conn is a connection to a NATS server with JetStream.
type Conn struct {
	Timing Timing // may be changed before the connection is used

	nc  *nats.Conn
	js  jetstream.JetStream
	cfg Config
	log zerolog.Logger

	refused atomic.Pointer[PermissionError] // the last one since the connection was made
}

// Timing holds durations that only tests change.
type Timing struct {
	// Idle bounds the wait for the next message of a read.
	Idle time.Duration
	// Heartbeat is the interval of the server's idle heartbeats. After two missing ones the consumer checks that it still
	// exists. It must be below half of the expiry of a pull.
	Heartbeat time.Duration
}

var standard = Timing{Idle: 10 * time.Second, Heartbeat: time.Second}

// Connect returns a connection that is made as soon as the server can be reached, and made again whenever it is lost. name is
// odasync- and the role; it is the name of the connection on the server and part of the inbox subjects. opts are added, such
// as nats.InProcessServer.
func Connect(cfg Config, name string, log zerolog.Logger, opts ...nats.Option) (*Conn, error) {
	return connect(cfg, name, log, func(*PermissionError) {}, opts...)
}

func connect(cfg Config, name string, log zerolog.Logger, refused func(*PermissionError), opts ...nats.Option) (*Conn, error) {
	role := strings.TrimPrefix(name, "odasync-")
	c := &Conn{cfg: cfg, Timing: standard, log: log}
	reachable := condition.New(log, "nats is not reachable, trying again", "nats is reachable again", nil)
	options := []nats.Option{
		nats.Name(name),
		nats.CustomInboxPrefix("_INBOX_" + event.Token(role)),
		nats.IgnoreAuthErrorAbort(), // else a password that is changed on the server first ends the connection for good
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(500*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1), // a publish during an outage fails and is repeated; it is never buffered
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(onChange(func(err error) {
			if violation := permissionError(role, err); violation != nil {
				err = violation
				c.refused.Store(violation)
				refused(violation)
			} else if errors.Is(err, nats.ErrAuthorization) {
				err = fmt.Errorf("%w: check %s", err, credentials)
			}
			log.Error().Err(err).Msg("nats server refused something")
		})),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { reachable.Set(err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				reachable.Set(fmt.Errorf("connection lost: %w", err))
			}
		}),
		nats.ConnectHandler(func(nc *nats.Conn) {
			reachable.Set(nil)
			log.Info().Str("server", nc.ConnectedUrlRedacted()).Msg("connected to nats")
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			c.refused.Store(nil) // the permissions may be others now
			reachable.Set(nil)
		}),
	}
	if cfg.User != "" {
		options = append(options, nats.UserInfoHandler(func() (user, password string) { return cfg.User, cfg.password() }))
	}
	if cfg.Creds != "" {
		options = append(options, nats.UserCredentials(cfg.Creds))
	}
	if cfg.TLSCA != "" {
		options = append(options, nats.RootCAs(cfg.TLSCA))
	}
	if cfg.TLSCert != "" {
		options = append(options, nats.ClientCert(cfg.TLSCert, cfg.TLSKey))
	}
	nc, err := nats.Connect(cfg.URL, append(options, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats at %s: %w: check NATS_URL, %s and the NATS_TLS files", redacted(cfg.URL), err, credentials)
	}
	if c.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(RequestTimeout)); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	c.nc = nc
	return c, nil
}

// Dial is [Connect] for a command: it fails where no server can be reached before the context ends, and logs nothing. It calls
// refused with a [*PermissionError] as soon as the server reports one; the request that caused it only times out.
func Dial(ctx context.Context, cfg Config, name string, refused func(error)) (*Conn, error) {
	return connect(cfg, name, zerolog.Nop(), func(err *PermissionError) { refused(err) },
		nats.RetryOnFailedConnect(false), nats.Timeout(dialTimeout(ctx, cfg.URL)))
}

// dialTimeout is the time for one of the servers in the addresses. The client library tries one after the other.
func dialTimeout(ctx context.Context, urls string) time.Duration {
	deadline, limited := ctx.Deadline()
	if !limited {
		return RequestTimeout
	}
	left := time.Until(deadline) / time.Duration(1+strings.Count(urls, ","))
	return max(time.Millisecond, min(RequestTimeout, left))
}

// Close flushes and closes the connection.
func (c *Conn) Close() {
	_ = c.nc.FlushTimeout(time.Second) // every message is acknowledged or requeued by now
	c.nc.Close()
}

// Config returns the configuration.
func (c *Conn) Config() Config { return c.cfg }

// Logger returns the logger of the connection.
func (c *Conn) Logger() *zerolog.Logger { return &c.log }

// NATS returns the underlying connection.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// JetStream returns the client library's JetStream of the connection.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Server returns the connected server's address and version, without credentials.
func (c *Conn) Server() string {
	return fmt.Sprintf("%s, version %s", c.nc.ConnectedUrlRedacted(), c.nc.ConnectedServerVersion())
}

// Check returns why the connection cannot be used, with the remedy; nil where it can.
func (c *Conn) Check(ctx context.Context) error {
	if !c.nc.IsConnected() {
		if errors.Is(c.nc.LastError(), nats.ErrAuthorization) {
			return fmt.Errorf("nats: %s does not accept the credential: check %s", redacted(c.cfg.URL), credentials)
		}
		return fmt.Errorf("nats: not connected to %s", redacted(c.cfg.URL))
	}
	if err := checkVersion(c.nc.ConnectedServerVersion()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout)
	defer cancel()
	if _, err := c.js.AccountInfo(ctx); err != nil {
		if refused := c.refused.Load(); refused != nil {
			return refused
		}
		return fmt.Errorf("nats: jetstream: %w: start the server with -js and let the account use it", err)
	}
	return nil
}

// checkVersion returns an error for servers before 2.11, which lack what the layout needs.
func checkVersion(version string) error {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return nil // a development build
	}
	major, majorErr := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	if majorErr != nil || minorErr != nil || major > 2 || major == 2 && minor >= 11 {
		return nil
	}
	return fmt.Errorf("nats: the server is version %s: odasync needs 2.11 or newer", version)
}

// redacted removes user names, passwords and tokens from a list of server URLs.
func redacted(urls string) string {
	servers := strings.Split(urls, ",")
	for i, server := range servers {
		prefix := ""
		if scheme, _, found := strings.Cut(server, "://"); found {
			prefix = scheme + "://"
		}
		rest := server[len(prefix):]
		servers[i] = prefix + rest[strings.LastIndexByte(rest, '@')+1:]
	}
	return strings.Join(servers, ",")
}
