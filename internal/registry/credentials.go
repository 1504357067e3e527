package registry

import (
	"bytes"
	"strings"
	"sync/atomic"
)

// credential is what the registry gets of a key or a user.
type credential struct {
	header string // Authorization; empty for none
	secret string // redacted where the registry echoes it
}

// redact removes the credential from a body.
func (c *credential) redact(body []byte) []byte {
	if c.secret == "" {
		return body
	}
	_, both, _ := strings.Cut(c.header, " ") // for a user, name and password in one
	body = bytes.ReplaceAll(body, []byte(both), []byte("***"))
	return bytes.ReplaceAll(body, []byte(c.secret), []byte("***"))
}

// credentials is the credential in use. It is safe for concurrent use.
type credentials struct {
	cfg     Config
	current atomic.Pointer[credential]
}

func newCredentials(cfg Config) *credentials {
	c := &credentials{cfg: cfg}
	c.current.Store(c.read())
	return c
}

func (c *credentials) read() *credential {
	header, secret := c.cfg.credentials()
	return &credential{header, secret}
}

// changed reads the credential again, which the registry has rejected, and reports whether another one is in use now.
func (c *credentials) changed(rejected *credential) bool {
	if next := c.read(); *next != *rejected {
		c.current.CompareAndSwap(rejected, next)
	}
	return *c.current.Load() != *rejected
}
