package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/joho/godotenv"
	"github.com/sethvargo/go-envconfig"
)

// dotenv is the file with values of variables that are not set, in the working directory.
const dotenv = ".env"

// Environment looks up variables in the environment and then in the file .env, if there is one.
func Environment() (envconfig.Lookuper, error) {
	file, err := godotenv.Read(dotenv)
	if errors.Is(err, os.ErrNotExist) {
		return envconfig.OsLookuper(), nil
	}
	if err != nil { // the error of the parser may contain a secret
		return nil, fmt.Errorf("%s cannot be read: write one NAME=value a line, as in .env.example, or remove it", dotenv)
	}
	return envconfig.MultiLookuper(envconfig.OsLookuper(), envconfig.MapLookuper(file)), nil
}

// Load fills the sections and returns all problems at once. Each names the variable, its value (unless it is a secret) and what
// is allowed.
func Load(ctx context.Context, variables envconfig.Lookuper, sections ...Section) error {
	var problems []error
	known := map[string]bool{} // a problem that two sections share is reported once
	report := func(problem error) {
		if problem != nil && !known[problem.Error()] {
			known[problem.Error()] = true
			problems = append(problems, problem)
		}
	}
	for _, section := range sections {
		for field, value := range fields(section) {
			report(loadField(ctx, variables, field, value))
		}
		report(section.Validate())
	}
	return errors.Join(problems...)
}

// loadField fills one field. After a problem the field has its default, so that Validate does not report it again.
func loadField(ctx context.Context, variables envconfig.Lookuper, field reflect.StructField, value reflect.Value) error {
	v := variable(field)
	text, set := variables.Lookup(v.Name)
	var problem error
	if v.Secret {
		text, set, problem = fromFile(variables, v.Name, text, set)
	}
	if problem == nil && set && text == "" && v.Default != "" {
		problem = fmt.Errorf("%s is empty: unset it for %s, or give %s", v.Name, v.Default, v.Help)
	}
	if problem == nil && set && text != "" {
		if decode(ctx, field, value, text) == nil {
			if secret, reloading := value.Addr().Interface().(*ReloadingSecret); reloading {
				secret.file, _ = variables.Lookup(v.Name + FileSuffix)
			}
			return nil
		}
		problem = fmt.Errorf("%s is %q: %s (%s)", v.Name, text, allowed(field.Type), v.Help)
	}
	if v.Default != "" {
		if err := decode(ctx, field, value, v.Default); err != nil {
			return fmt.Errorf("%s: default: %w", v.Name, err)
		}
	}
	return problem
}

// decode decodes one field with envconfig, which would stop at the first error of a struct.
func decode(ctx context.Context, field reflect.StructField, value reflect.Value, text string) error {
	name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
	field.Tag = reflect.StructTag(fmt.Sprintf("env:%q", name))
	one := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	err := envconfig.ProcessWith(ctx, &envconfig.Config{
		Target: one.Interface(), Lookuper: envconfig.MapLookuper(map[string]string{name: text}),
	})
	if err == nil {
		value.Set(one.Elem().Field(0))
	}
	return err
}

// fromFile reads a secret from the file that <name>_FILE names, without the trailing newline.
func fromFile(variables envconfig.Lookuper, name, text string, set bool) (string, bool, error) {
	path, named := variables.Lookup(name + FileSuffix)
	switch {
	case !named || path == "":
		return text, set, nil
	case set && text != "":
		return "", false, fmt.Errorf("%s and %s are both set: give one of them", name, name+FileSuffix)
	}
	secret, err := readSecret(path)
	if err != nil {
		return "", false, fmt.Errorf("%s is %q: %w: give a readable file that holds the secret, or unset it", name+FileSuffix, path, err)
	}
	return secret, true, nil
}

// readSecret reads a file without the trailing newline.
func readSecret(path string) (string, error) {
	content, err := os.ReadFile(path)
	secret := strings.TrimRight(string(content), "\r\n")
	if err == nil && secret == "" {
		err = errors.New("the file is empty")
	}
	return secret, err
}
