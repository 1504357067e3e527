package ops

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"

	"github.com/rs/zerolog"

	"odasync/internal/condition"
)

// certificate is a pair of files that is loaded again when one of them changes, as on renewal.
type certificate struct {
	cert, key string
	broken    *condition.Condition

	mu     sync.Mutex
	loaded *tls.Certificate
	stamp  string // of the files when they were read
}

// loadCertificate loads the files for the first time.
func loadCertificate(cert, key string, log zerolog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, broken: condition.New(log,
		"the certificate for metrics cannot be read again, serving with the earlier one: look at MONITORING_TLS_CERT and MONITORING_TLS_KEY",
		"the certificate for metrics was read again", nil)}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read loads the files unless they are unchanged.
func (c *certificate) read() error {
	stamp := ""
	for _, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		stamp += fmt.Sprintln(info.ModTime().UnixNano(), info.Size())
	}
	if stamp == c.stamp {
		return nil
	}
	loaded, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil { // such as a new certificate beside the old key
		return err
	}
	c.loaded, c.stamp = &loaded, stamp
	return nil
}

// get returns the certificate for a handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken.Set(c.read())
	return c.loaded, nil
}
