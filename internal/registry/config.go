package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/registry/auth"
	"odasync/internal/registry/transport"
)

// The values of COMPONENT_NAME_FORMAT.
const (
	// FormatName names the entry as the component: one namespace a registry.
	FormatName = "name"
	// FormatNamespaceName puts the namespace and a dot before it. A namespace has no dots, so no two names clash.
	FormatNamespaceName = "namespace.name"
)

// maxNameLength is the registry's limit, in characters.
const maxNameLength = 100

// The values of COMPONENT_REGISTRY_API.
const (
	// APIAuto selects the API by what the registry answers.
	APIAuto   = "auto"
	APIV1     = "v1"
	APITMF639 = "tmf639"
)

// Config is the address of the registry and the form of its entries.
type Config struct {
	URL    string                 `env:"COMPONENT_REGISTRY_URL, default=http://localhost:8000" help:"the Component Registry: http:// or https://, a host and, where needed, a port and a path"`
	APIKey config.ReloadingSecret `env:"COMPONENT_REGISTRY_API_KEY" help:"key for the registry, sent as a bearer token; its file is read again when the registry rejects it"`
	// API is the API that the registry speaks, or auto.
	API string `env:"COMPONENT_REGISTRY_API, default=auto" help:"API of the registry: v1, tmf639, or auto, which recognises it by GET /health"`
	// Timeout limits each single request; 0 for the API's own limit.
	Timeout config.Duration `env:"COMPONENT_REGISTRY_TIMEOUT, default=0" help:"limit of a single request to the registry: seconds, or a duration such as 500ms or 1m; 0 for 30 s with v1 and 40 s with tmf639"`
	// MaxConnections bounds the requests that are in flight; 0 for the API's own number.
	MaxConnections int `env:"COMPONENT_REGISTRY_MAX_CONNECTIONS, default=0" help:"connections of one process to the registry, 1 to 1024, with tmf639 1 to 15; 0 for 256 with v1 and 2 with tmf639"`
	Transport      transport.Config
	OAuth2         auth.Config
	// Name is the registry entry that the components are registered under. It is created when missing.
	Name       string `env:"COMPONENT_REGISTRY_NAME, default=self" help:"registry entry that the components are registered under, created when missing: 1 to 100 characters"`
	NameFormat string `env:"COMPONENT_NAME_FORMAT, default=name" help:"name of a component in the registry: name, or namespace.name to keep namespaces apart"`
	// IDPrefix precedes the name in the ids of a tmf639 registry; see [Config.Prefix].
	IDPrefix string `env:"COMPONENT_REGISTRY_ID_PREFIX, default=self" help:"prefix of the ids in a tmf639 registry: 1 to 100 printable characters without spaces, ':' and '/'; {cluster} is replaced by the name of the cluster"`
	// Adopt lets odasync take over the documents that the Canvas's own collector wrote.
	Adopt bool `env:"COMPONENT_REGISTRY_ADOPT, default=true" help:"take over the documents that the Canvas's own collector wrote to a tmf639 registry: true or false"`
	// Dependencies adds the APIs that a component needs to its document.
	Dependencies bool `env:"COMPONENT_REGISTRY_DEPENDENCIES, default=false" help:"show in a tmf639 registry which APIs of others a component needs, as the characteristic dependentAPIs: true or false"`
	// Segments are the segments whose APIs are registered; empty for the API's own.
	Segments []component.Segment `env:"EXPOSED_API_SEGMENTS" help:"segments whose APIs are registered: core, management, security, with commas; empty for core with v1 and all with tmf639"`
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	var problems []error
	bad := func(name string, value any, allowed string) {
		problems = append(problems, fmt.Errorf("%s is %v: %s", name, value, allowed))
	}
	c.validateURL(bad)
	if strings.ContainsFunc(c.APIKey.Reveal(), notInKey) {
		bad("COMPONENT_REGISTRY_API_KEY", c.APIKey, "printable ASCII characters without spaces")
	}
	if !slices.Contains([]string{APIAuto, APIV1, APITMF639}, c.API) {
		bad("COMPONENT_REGISTRY_API", fmt.Sprintf("%q", c.API), "auto, v1 or tmf639")
	}
	if length := utf8.RuneCountInString(c.IDPrefix); length < 1 || length > maxNameLength || strings.ContainsFunc(c.IDPrefix, notInPrefix) {
		bad("COMPONENT_REGISTRY_ID_PREFIX", fmt.Sprintf("%q", c.IDPrefix), fmt.Sprintf("1 to %d printable characters without spaces, ':' and '/'", maxNameLength))
	}
	if c.OAuth2.Enabled() && c.Authorization() != "" {
		bad("OAUTH2_TOKEN_URL", c.OAuth2.TokenURL, "not together with COMPONENT_REGISTRY_API_KEY or a user in COMPONENT_REGISTRY_URL: a request carries only one of them")
	}
	if c.Timeout < 0 {
		bad("COMPONENT_REGISTRY_TIMEOUT", c.Timeout, "0 or more, in seconds or as 500ms, 30s, 1m")
	}
	if most, reason := c.connectionLimit(); c.MaxConnections < 0 || c.MaxConnections > most {
		bad("COMPONENT_REGISTRY_MAX_CONNECTIONS", c.MaxConnections, fmt.Sprintf("0 to %d%s", most, reason))
	}
	if length := utf8.RuneCountInString(c.Name); length < 1 || length > maxNameLength {
		bad("COMPONENT_REGISTRY_NAME", fmt.Sprintf("%q", c.Name), fmt.Sprintf("1 to %d characters", maxNameLength))
	}
	if c.NameFormat != FormatName && c.NameFormat != FormatNamespaceName {
		bad("COMPONENT_NAME_FORMAT", fmt.Sprintf("%q", c.NameFormat), FormatName+" or "+FormatNamespaceName)
	}
	const segments = "any of core, management and security, with commas"
	for _, segment := range c.Segments {
		if !slices.Contains(component.Segments(), segment) {
			bad("EXPOSED_API_SEGMENTS", fmt.Sprintf("%q", segment), segments)
		}
	}
	return errors.Join(append(problems, c.Transport.Validate(), c.OAuth2.Validate())...)
}

func (c Config) validateURL(bad func(name string, value any, allowed string)) {
	const name, allowed = "COMPONENT_REGISTRY_URL", "http:// or https://, a host and, where needed, a port and a path"
	u, err := url.Parse(c.URL)
	switch {
	case err != nil: // the error and the value may show a password
		bad(name, "not a URL", allowed)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "":
		u.RawQuery, u.Fragment = "", "" // they may hold a token
		bad(name, fmt.Sprintf("%q", u.Redacted()), allowed)
	case len(publicURL(u)) > maxURLLength:
		bad(name, fmt.Sprintf("%d characters long", len(publicURL(u))), fmt.Sprintf("at most %d", maxURLLength))
	case u.User != nil && c.APIKey.Reveal() != "":
		bad(name, u.Redacted(), "no user here when COMPONENT_REGISTRY_API_KEY is set: a request carries only one of them")
	}
}

// connectionLimit returns the most connections that may be configured, and why.
func (c Config) connectionLimit() (most int, reason string) {
	if c.API == APITMF639 {
		return 15, ", since 16 requests at a time, of all clients together, block a tmf639 registry for 30 s"
	}
	return 1024, ""
}

// notInPrefix reports whether a prefix cannot have the character: a colon ends it, and a document whose id has a slash can
// never be read.
func notInPrefix(r rune) bool {
	return r == ':' || r == '/' || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

// notInKey reports whether a key cannot have the character.
func notInKey(r rune) bool { return r <= ' ' || r > '~' }

// Prefix returns the prefix of the ids of a cluster's documents.
func (c Config) Prefix(cluster string) string {
	return strings.ReplaceAll(c.IDPrefix, "{cluster}", cluster)
}

// maxURLLength is the registry's limit, in characters.
const maxURLLength = 500

// publicURL returns the base without user and password, and without a slash at its end.
func publicURL(base *url.URL) string {
	public := *base
	public.User = nil
	return strings.TrimRight(public.String(), "/")
}

// Address returns the registry's URL without user and password, fit for messages and storage.
func (c Config) Address() string {
	u, err := url.Parse(c.URL)
	if err != nil { // Validate rejects it
		return ""
	}
	return publicURL(u)
}

// Authorization returns the Authorization header of the present key, or of the user; empty for none.
func (c Config) Authorization() string {
	header, _ := c.credentials()
	return header
}

// credentials returns the header, and what of it is secret.
func (c Config) credentials() (header, secret string) {
	if key := c.key(); key != "" {
		return "Bearer " + key, key
	}
	base, err := url.Parse(c.URL)
	if err != nil || base.User == nil {
		return "", ""
	}
	secret, _ = base.User.Password()
	basic := http.Request{Header: http.Header{}}
	basic.SetBasicAuth(base.User.Username(), secret)
	return basic.Header.Get("Authorization"), secret
}

// key returns the present key, or that of the start where its file cannot be read now or is being written.
func (c Config) key() string {
	if key, err := c.APIKey.Read(); err == nil && !strings.ContainsFunc(key.Reveal(), notInKey) {
		return key.Reveal()
	}
	return c.APIKey.Reveal()
}

// EntryName returns the name of a component's entry.
func (c Config) EntryName(key component.Key) string {
	if c.NameFormat == FormatNamespaceName {
		return key.Namespace + "." + key.Name
	}
	return key.Name
}

// ComponentName is the inverse of EntryName. An entry that was named in another format keeps its name.
func (c Config) ComponentName(namespace, entry string) string {
	if c.NameFormat == FormatNamespaceName {
		return strings.TrimPrefix(entry, namespace+".")
	}
	return entry
}

// Defaults are what an API uses where the configuration leaves it open.
type Defaults struct {
	Timeout     time.Duration
	Connections int
	Segments    []component.Segment
}

// WithDefaults returns the configuration with the values of an API where it has none of its own.
func (c Config) WithDefaults(d Defaults) Config {
	if c.Timeout == 0 {
		c.Timeout = config.Duration(d.Timeout)
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = d.Connections
	}
	if len(c.Segments) == 0 {
		c.Segments = d.Segments
	}
	return c
}
