package stream

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

// credentials are the variables by which the server knows a process.
const credentials = "NATS_USER, NATS_PASSWORD, NATS_CREDS"

// requestTimeout bounds one request to the server.
const requestTimeout = 5 * time.Second

// Conn is a connection to a NATS server with JetStream.
type Conn struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	cfg    Config
	timing timing
	log    zerolog.Logger

	refused atomic.Pointer[PermissionError] // the last since the server was reached
}

// timing is how long things take that tests would wait for.
type timing struct {
	// idle bounds the wait for the next of the heads that the server has still to send.
	idle time.Duration
	// heartbeat is how often the server tells a waiting consumer that it is there. After two are missing the consumer
	// asks whether it still exists. Below half of pullExpiry.
	heartbeat time.Duration
}

var standard = timing{idle: 10 * time.Second, heartbeat: time.Second}

// Connect returns a connection that reaches the server when it can and comes back for ever. name is the role's behind
// odasync-; it shows in the server's lists, and the role's answers come to subjects of its own. opts are added, such as
// nats.InProcessServer.
func Connect(cfg Config, name string, log zerolog.Logger, opts ...nats.Option) (*Conn, error) {
	return connect(cfg, name, log, func(*PermissionError) {}, opts...)
}

func connect(cfg Config, name string, log zerolog.Logger, refused func(*PermissionError), opts ...nats.Option) (*Conn, error) {
	role := strings.TrimPrefix(name, "odasync-")
	c := &Conn{cfg: cfg, timing: standard, log: log}
	reachable := condition.New(log, "nats is not reachable, trying again", "nats is reachable again", error.Error)
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
		nats.ErrorHandler(onRefusal(func(err error) {
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
		options = append(options, nats.UserInfo(cfg.User, cfg.Password.Reveal()))
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
		return nil, fmt.Errorf("connect to nats: %w: check NATS_URL, %s and the NATS_TLS files", err, credentials)
	}
	if c.js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(requestTimeout)); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	c.nc = nc
	return c, nil
}

// Dial is Connect for a command: it fails when the server cannot be reached now, and logs nothing. It calls refused with
// a *PermissionError as soon as the server tells of one; what was asked for would only see that no answer comes.
func Dial(cfg Config, name string, refused func(error)) (*Conn, error) {
	return connect(cfg, name, zerolog.Nop(), func(err *PermissionError) { refused(err) },
		nats.RetryOnFailedConnect(false), nats.Timeout(requestTimeout))
}

// Close ends the connection after what was published has left.
func (c *Conn) Close() {
	_ = c.nc.FlushTimeout(time.Second) // nothing is owed any more: acknowledged or handed back
	c.nc.Close()
}

// NATS returns the underlying connection.
func (c *Conn) NATS() *nats.Conn { return c.nc }

// JetStream returns the client library's JetStream of the connection.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Server returns the connected server's address and version, without credentials.
func (c *Conn) Server() string {
	return fmt.Sprintf("%s, version %s", c.nc.ConnectedUrlRedacted(), c.nc.ConnectedServerVersion())
}

// Check says in words what keeps the connection from being usable; nil when it is.
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
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := c.js.AccountInfo(ctx); err != nil {
		if refused := c.refused.Load(); refused != nil {
			return refused
		}
		return fmt.Errorf("nats: jetstream: %w: start the server with -js and let the account use it", err)
	}
	return nil
}

// checkVersion refuses servers that lack what the layout needs: from 2.11 on.
func checkVersion(version string) error {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return nil // a development build: let it try
	}
	major, majorErr := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	if majorErr != nil || minorErr != nil || major > 2 || major == 2 && minor >= 11 {
		return nil
	}
	return fmt.Errorf("nats: the server is version %s: odasync needs 2.11 or newer", version)
}

// redacted strips what a list of server URLs may hold of user names, passwords and tokens.
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
