package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-cmp/cmp"
)

var client = &http.Client{Timeout: 5 * time.Second}

// entry is what the registry has of a component.
type entry struct {
	Version string
	APIs    int
}

// entries reads the whole registry.
func (p *project) entries(ctx context.Context) (map[string]entry, error) {
	var components []struct {
		Name   string
		Labels []struct{ Key, Value string }
	}
	if err := get(ctx, p.registry+"/components/?limit=1000", &components); err != nil {
		return nil, err
	}
	var apis []struct {
		Component string `json:"component_name"`
	}
	if err := get(ctx, p.registry+"/exposed-apis/?limit=1000", &apis); err != nil {
		return nil, err
	}
	all := map[string]entry{}
	for _, c := range components {
		var e entry
		for _, label := range c.Labels {
			if label.Key == "component-version" {
				e.Version = label.Value
			}
		}
		for _, api := range apis {
			if api.Component == c.Name {
				e.APIs++
			}
		}
		if _, double := all[c.Name]; double {
			return nil, fmt.Errorf("the registry has two components %s", c.Name)
		}
		all[c.Name] = e
	}
	return all, nil
}

// inSync waits until the registry has exactly the components of the folder, each with one API.
func (p *project) inSync(ctx context.Context, what string) error {
	err := eventually(ctx, what, func() error {
		actual, err := p.entries(ctx)
		if err != nil {
			return err
		}
		versions := map[string]string{}
		for name, entry := range actual {
			versions[name] = entry.Version
			if entry.APIs != 1 {
				return fmt.Errorf("%s has %d APIs", name, entry.APIs)
			}
		}
		if difference := cmp.Diff(p.manifests.versions, versions); difference != "" {
			return fmt.Errorf("the registry differs from the folder (-folder +registry):\n%s", difference)
		}
		return nil
	})
	if err == nil {
		say("%s: the registry has exactly the %d components", what, len(p.manifests.versions))
	}
	return err
}

func get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
