package auth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"odasync/internal/config"
)

// Config are the client credentials. They are secret as a whole, as the Canvas keeps them in one Secret.
type Config struct {
	TokenURL     config.Secret          `env:"OAUTH2_TOKEN_URL" help:"token endpoint of the registry's issuer, for OAuth2 client credentials; a token is fetched once the registry demands one"`
	ClientID     config.Secret          `env:"OAUTH2_CLIENT_ID" help:"OAuth2 client"`
	ClientSecret config.ReloadingSecret `env:"OAUTH2_CLIENT_SECRET" help:"secret of the OAuth2 client; its file is read again for each token"`
	Scopes       string                 `env:"OAUTH2_SCOPES" help:"scopes of the token, with spaces or commas; empty for those of the client"`
}

// Enabled reports whether there are credentials.
func (c Config) Enabled() bool { return c.TokenURL != "" }

// Validate reports every problem at once.
func (c Config) Validate() error {
	if c.TokenURL != "" {
		if u, err := url.Parse(c.TokenURL.Reveal()); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return fmt.Errorf("OAUTH2_TOKEN_URL is %s: http:// or https://, a host and a path", c.TokenURL)
		}
	}
	set := 0
	for _, value := range []string{c.TokenURL.Reveal(), c.ClientID.Reveal(), c.ClientSecret.Reveal()} {
		if value != "" {
			set++
		}
	}
	if set != 0 && set != 3 {
		return errors.New("OAUTH2_TOKEN_URL, OAUTH2_CLIENT_ID and OAUTH2_CLIENT_SECRET are half set: give all three or none")
	}
	return nil
}

// endpoint is the token URL, fit for messages.
func (c Config) endpoint() string {
	u, err := url.Parse(c.TokenURL.Reveal())
	if err != nil { // Validate rejects it
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func (c Config) scopes() []string {
	return strings.FieldsFunc(c.Scopes, func(r rune) bool { return r == ',' || r == ' ' })
}
