package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// sequences returns the stream sequences of the demo's components by name, from ctl list in a container.
func (p *project) sequences(ctx context.Context) (map[string]uint64, error) {
	listing, err := p.compose(ctx, "exec", "-T", "demo", "ctl", "list", "-o", "json")
	if err != nil {
		return nil, err
	}
	var items []struct {
		Name     string
		Sequence uint64
	}
	if err := json.Unmarshal([]byte(listing), &items); err != nil {
		return nil, fmt.Errorf("read the listing of ctl: %w", err)
	}
	sequences := map[string]uint64{}
	for _, item := range items {
		sequences[item.Name] = item.Sequence
	}
	return sequences, nil
}
