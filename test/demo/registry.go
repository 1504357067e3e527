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

// shown is what the registry shows for a component; the zero shown is nothing.
type shown struct {
	exists  bool
	version string
	ready   int
	pending int
}

// look asks the registry for a component and its APIs.
func look(ctx context.Context, registry, name string) (shown, error) {
	var now shown
	var components []struct {
		Name   string
		Labels []struct{ Key, Value string }
	}
	if err := get(ctx, registry+"/components/?limit=1000&registry_name=self", &components); err != nil {
		return now, err
	}
	for _, c := range components {
		if c.Name != name {
			continue
		}
		now.exists = true
		for _, label := range c.Labels {
			if label.Key == "component-version" {
				now.version = label.Value
			}
		}
	}
	var apis []struct{ Status string }
	if err := get(ctx, registry+"/exposed-apis/?registry_name=self&component_name="+url.QueryEscape(name), &apis); err != nil {
		return now, err
	}
	for _, api := range apis {
		if api.Status == "ready" {
			now.ready++
		} else {
			now.pending++
		}
	}
	return now, nil
}

// states says how the APIs are.
func (s shown) states() string {
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
		return fmt.Errorf("ask the registry: %w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the registry: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the registry: %s answers %s", address, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("ask the registry: decode the answer of %s: %w", address, err)
	}
	return nil
}
