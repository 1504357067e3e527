package transport

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"odasync/internal/config"
)

// Config is the way to the registry and to the token endpoint.
type Config struct {
	CAFile   string `env:"COMPONENT_REGISTRY_CA_FILE" help:"file with the certificate authorities of the registry and the token endpoint, in PEM, beside those of the system; read again when it changes"`
	CertFile string `env:"COMPONENT_REGISTRY_CLIENT_CERT_FILE" help:"file with the client certificate for the registry, in PEM; read again for each connection"`
	KeyFile  string `env:"COMPONENT_REGISTRY_CLIENT_KEY_FILE" help:"file with the private key of the client certificate, in PEM"`
	// Proxy is secret because it may contain a user and a password.
	Proxy config.Secret `env:"COMPONENT_REGISTRY_PROXY" help:"proxy that leads to the registry and the token endpoint: http, https or socks5 URL; empty for HTTPS_PROXY, HTTP_PROXY and NO_PROXY"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	if (c.CertFile == "") != (c.KeyFile == "") {
		problems = append(problems, errors.New("COMPONENT_REGISTRY_CLIENT_CERT_FILE and COMPONENT_REGISTRY_CLIENT_KEY_FILE are half set: give both files or none"))
	}
	if c.Proxy != "" && c.proxy() == nil {
		problems = append(problems, fmt.Errorf("COMPONENT_REGISTRY_PROXY is %s: a URL such as http://proxy:3128, with http, https or socks5", c.Proxy))
	}
	return errors.Join(problems...)
}

// proxy returns the configured proxy; nil for none.
func (c Config) proxy() *url.URL {
	proxy, err := url.Parse(c.Proxy.Reveal())
	if err != nil || proxy.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme) {
		return nil
	}
	return proxy
}
