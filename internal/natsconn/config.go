package natsconn

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"odasync/internal/config"
)

// Config is the connection to the NATS servers and the settings of the stream.
type Config struct {
	URL      string                 `env:"NATS_URL, default=nats://localhost:4222" help:"NATS servers, several with commas: nats://host:port, or tls, ws, wss"`
	User     string                 `env:"NATS_USER" help:"user of the NATS servers, one for each role"`
	Password config.ReloadingSecret `env:"NATS_PASSWORD" help:"that user's password; its file is read again for each connection"`
	Creds    string                 `env:"NATS_CREDS" help:"file with the NATS credentials (JWT and seed)"`
	TLSCA    string                 `env:"NATS_TLS_CA" help:"file with the certificate authority of the NATS servers"`
	TLSCert  string                 `env:"NATS_TLS_CERT" help:"file with the client certificate for NATS"`
	TLSKey   string                 `env:"NATS_TLS_KEY" help:"file with the client certificate's key"`

	Replicas int `env:"STREAM_REPLICAS, default=0" help:"copies of the stream and the buckets, the same for watcher and syncer: 1, 3 or 5; 0 keeps those of existing ones, and new ones get 1"`
	// History is the number of messages kept for each component.
	History int64 `env:"STREAM_HISTORY, default=32" help:"messages kept for each component, 1 to 10000; the watcher's value counts"`
	// MaxBytes limits the stream; 0 means the server's limit. When it is reached, publishing waits.
	MaxBytes int64 `env:"STREAM_MAX_BYTES, default=0" help:"size limit of the stream in bytes, 0 for none; publishing waits when it is reached; the watcher's value counts"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	bad := func(name string, value any, allowed string) {
		problems = append(problems, fmt.Errorf("%s is %v: %s", name, value, allowed))
	}
	for server := range strings.SplitSeq(c.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		switch {
		case err != nil: // the error would repeat a password
			bad("NATS_URL", "not a URL", "give nats://host:port, several with commas")
		case u.Host == "" || !strings.Contains(" nats tls ws wss ", " "+u.Scheme+" "):
			bad("NATS_URL", redacted(server), "give nats://host:port (or tls, ws, wss), several with commas")
		}
	}
	if (c.User == "") != (c.Password.Reveal() == "") {
		bad("NATS_USER and NATS_PASSWORD", "half set", "give both or none")
	}
	if c.User != "" && c.Creds != "" {
		bad("NATS_USER and NATS_CREDS", "both set", "give one of them")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("NATS_TLS_CERT and NATS_TLS_KEY", "half set", "give both files or none")
	}
	if c.Replicas != 0 && c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		bad("STREAM_REPLICAS", c.Replicas, "0, 1, 3 or 5")
	}
	if c.History < 1 || c.History > 10000 {
		bad("STREAM_HISTORY", c.History, "1 to 10000 messages a component")
	}
	if c.MaxBytes < 0 {
		bad("STREAM_MAX_BYTES", c.MaxBytes, "0 (no limit) or a number of bytes")
	}
	return errors.Join(problems...)
}

// password returns the present password, or that of the start where its file cannot be read now.
func (c Config) password() string {
	if password, err := c.Password.Read(); err == nil {
		return password.Reveal()
	}
	return c.Password.Reveal()
}

// Address returns the servers' URLs without users and passwords, fit for messages.
func (c Config) Address() string { return redacted(c.URL) }
