package registry

import "net/url"

// Address is the registry's URL without user and password: what may be shown and remembered.
func (c Config) Address() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "" // Validate has refused it
	}
	return publicURL(u)
}
