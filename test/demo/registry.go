package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var client = &http.Client{Timeout: 5 * time.Second}

// state is what the registry has of a component; the zero state is nothing.
type state struct {
	exists  bool
	version string
	ready   int
	pending int
}

// readState reads a component and its APIs from the registry.
func readState(ctx context.Context, registry, name string) (state, error) {
	var actual state
	var components []struct {
		Name   string
		Labels []struct{ Key, Value string }
	}
	if err := get(ctx, registry+"/components/?limit=1000&registry_name=self", &components); err != nil {
		return actual, err
	}
	for _, c := range components {
		if c.Name != name {
			continue
		}
		actual.exists = true
		for _, label := range c.Labels {
			if label.Key == "component-version" {
				actual.version = label.Value
			}
		}
	}
	var apis []struct{ Status string }
	if err := get(ctx, registry+"/exposed-apis/?registry_name=self&component_name="+url.QueryEscape(name), &apis); err != nil {
		return actual, err
	}
	for _, api := range apis {
		if api.Status == "ready" {
			actual.ready++
		} else {
			actual.pending++
		}
	}
	return actual, nil
}

// apis counts the APIs by status.
func (s state) apis() string {
	var parts []string
	if s.ready > 0 {
		parts = append(parts, fmt.Sprintf("%d ready", s.ready))
	}
	if s.pending > 0 {
		parts = append(parts, fmt.Sprintf("%d pending", s.pending))
	}
	return strings.Join(parts, ", ")
}

func get(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("read the registry: %w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("read the registry: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("read the registry: %s answers %s", address, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("read the registry: decode the answer of %s: %w", address, err)
	}
	return nil
}
