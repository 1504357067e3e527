// Package config holds what the configuration of several packages has in common: value types that read the forms an
// operator writes into an environment variable. Which values are allowed is for each package's Validate to say.
package config
