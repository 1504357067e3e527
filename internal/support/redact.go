package support

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"odasync/internal/config"
)

// hidden replaces a secret.
const hidden = "***"

// Redactor removes secrets from texts.
type Redactor struct{ values *strings.Replacer }

// NewRedactor returns a redactor of the values that the secret variables have, directly or in a file, and of the passwords in the
// URLs of the others. Shorter ones than four characters are not replaced: they occur everywhere.
func NewRedactor(variables []config.Variable, lookup func(string) (string, bool)) *Redactor {
	var found []string
	for _, v := range variables {
		value, _ := lookup(v.Name)
		secrets := passwords(value)
		if v.Secret {
			secrets = []string{strings.TrimSpace(value)}
			if path, _ := lookup(v.Name + config.FileSuffix); path != "" {
				content, _ := os.ReadFile(path) // where it cannot be read, no process has it
				secrets = append(secrets, strings.TrimSpace(string(content)))
			}
		}
		for _, secret := range secrets {
			if len(secret) < minSecret {
				continue
			}
			found = append(found, secret, url.QueryEscape(secret), url.PathEscape(secret), jsonText(secret))
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) }) // one may be the beginning of another
	var pairs []string
	for _, secret := range found {
		pairs = append(pairs, secret, hidden)
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

const minSecret = 4

// passwords returns user names and passwords in a list of URLs: a NATS token has the place of the user name.
func passwords(value string) []string {
	var all []string
	for part := range strings.SplitSeq(value, ",") {
		address, err := url.Parse(strings.TrimSpace(part))
		if err != nil || address.User == nil {
			continue
		}
		password, set := address.User.Password()
		if !set {
			password = address.User.Username()
		}
		all = append(all, password)
	}
	return all
}

// jsonText is the text as it is within a JSON string of the archive.
func jsonText(text string) string {
	quoted, err := encode(text)
	if err != nil || len(quoted) < 3 {
		return text
	}
	return string(quoted[1 : len(quoted)-2]) // without the quotes and the end of the line
}

var (
	userInfo      = regexp.MustCompile(`://[^/\s@"]+@`)
	authorization = regexp.MustCompile(`(?i)\b(bearer|basic) +[a-z0-9._~+/=-]{4,}`)
	parameter     = regexp.MustCompile(`(?i)([?&](?:access_token|token|api_?key|password|secret|client_secret)=)[^&\s"]+`)
)

// Text returns the text without secrets.
func (r *Redactor) Text(text string) string {
	text = r.values.Replace(text)
	text = userInfo.ReplaceAllString(text, "://"+hidden+"@")
	text = authorization.ReplaceAllString(text, "$1 "+hidden)
	return parameter.ReplaceAllString(text, "${1}"+hidden)
}

// Setting is a variable as the archive shows it.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"` // *** for a secret, the default where it is not set
	Set   bool   `json:"set"`
}

// Settings lists the variables with their values, without secrets.
func Settings(variables []config.Variable, lookup func(string) (string, bool), redact *Redactor) []Setting {
	all, seen := []Setting{}, map[string]bool{}
	for _, v := range variables {
		if seen[v.Name] {
			continue
		}
		seen[v.Name] = true
		value, set := lookup(v.Name)
		switch {
		case v.Secret && value != "":
			value = hidden
		case !set:
			value = v.Default
		}
		all = append(all, Setting{v.Name, redact.Text(value), set})
		if path, named := lookup(v.Name + config.FileSuffix); v.Secret && named {
			all = append(all, Setting{v.Name + config.FileSuffix, redact.Text(path), true})
		}
	}
	return all
}
