package config

import (
	"context"
	"errors"

	"github.com/sethvargo/go-envconfig"
)

// Section is one package's part of a configuration: a pointer to a struct with env tags.
type Section interface{ Validate() error }

// Load fills every section from the variables and reports all problems at once.
func Load(ctx context.Context, variables envconfig.Lookuper, sections ...Section) error {
	var problems []error
	for _, section := range sections {
		err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: section, Lookuper: variables})
		if err == nil {
			err = section.Validate()
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
