package contexts

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sethvargo/go-envconfig"

	"odasync/internal/config"
)

var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// CheckName returns an error for what cannot be the name of a context.
func CheckName(name string) error {
	if !names.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of a context: letters, digits, '.', '_' and '-', at most 63", name)
	}
	return nil
}

// Set sets a variable, which has to be one of the known ones, and must not hold a secret. An empty value removes it. Paths
// become absolute.
func (c Context) Set(known []config.Variable, name, value string) error {
	n := slices.IndexFunc(known, func(v config.Variable) bool {
		return v.Name == name || v.Secret && v.Name+config.FileSuffix == name
	})
	switch {
	case n < 0:
		return fmt.Errorf("%q is no variable of odasync: see docs/configuration.md", name)
	case value == "":
		delete(c, name)
		return nil
	case known[n].Secret && known[n].Name == name:
		return fmt.Errorf("%s is a secret, which a context does not hold: set %s%s to a file that has it", name, name, config.FileSuffix)
	case hasPassword(value):
		return fmt.Errorf("%s has a password, which a context does not hold: give it in a file, such as NATS_PASSWORD_FILE", name)
	}
	if isPath(name) && !strings.Contains(value, string(filepath.ListSeparator)) {
		absolute, err := filepath.Abs(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		value = absolute
	}
	c[name] = value
	return nil
}

// hasPassword reports whether the value is a list of URLs of which one has a password, or cannot be read.
func hasPassword(value string) bool {
	for part := range strings.SplitSeq(value, ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if strings.Contains(part, "://") && (err != nil || u.User != nil) {
			return true
		}
	}
	return false
}

func isPath(name string) bool {
	for _, suffix := range []string{config.FileSuffix, "KUBECONFIG", "_CREDS", "_TLS_CA", "_TLS_CERT", "_TLS_KEY"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// addresses are the variables with an address, and the prefixes of what goes with it.
var addresses = map[string][]string{
	"NATS_URL":               {"NATS_"},
	"COMPONENT_REGISTRY_URL": {"COMPONENT_REGISTRY_", "OAUTH2_"},
	"KUBECONFIG":             {"KUBECONFIG"},
}

// Behind returns the variables of the environment, and behind them those of the context.
func (c Context) Behind(environment envconfig.Lookuper) envconfig.Lookuper {
	used := map[string]string{}
	for name, value := range c {
		if !Overridden(environment, name) {
			used[name] = value
		}
	}
	return envconfig.MultiLookuper(environment, envconfig.MapLookuper(used))
}

// Overridden reports whether the environment has the variable, the same secret in another form, or the address to which the
// variable belongs.
func Overridden(environment envconfig.Lookuper, name string) bool {
	set := func(name string) bool { _, set := environment.Lookup(name); return set }
	if set(name) || set(name+config.FileSuffix) || strings.HasSuffix(name, config.FileSuffix) && set(strings.TrimSuffix(name, config.FileSuffix)) {
		return true
	}
	for address, prefixes := range addresses {
		if set(address) && slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return true
		}
	}
	return false
}
