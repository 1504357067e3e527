package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"odasync/internal/component"
)

// plainClient sends what a syncer sends for components that the registry does not have: one request after the other for each
// component, many components at a time, and nothing else.
type plainClient struct {
	http *http.Client
	url  string
}

func runPlain(ctx context.Context, url string, workers, count int) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = workers, workers
	c := &plainClient{http: &http.Client{Transport: transport}, url: url}
	defer c.http.CloseIdleConnections()
	if _, err := c.post(ctx, "/registries/", map[string]any{"name": "self", "type": "self", "url": url, "label_ids": []int64{}}); err != nil {
		return err
	}
	var shared []int64
	for _, label := range [][2]string{
		{"component-version", "1.0.0"}, {"maintainer-1", "Ada Example"}, {"functionalBlock", "CoreCommerce"}, {"id", "TMFC001"},
		{"namespace", benchNamespace}, {"managed-by", "odasync/" + benchCluster},
	} {
		id, err := c.label(ctx, label[0], label[1])
		if err != nil {
			return err
		}
		shared = append(shared, id)
	}
	named := map[string]int64{}
	for _, api := range apiNames {
		id, err := c.label(ctx, "api-name", api)
		if err != nil {
			return err
		}
		named[api] = id
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for i := next.Add(1); i <= int64(count); i = next.Add(1) {
				if err := c.apply(ctx, content(int(i)), shared, named); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *plainClient) apply(ctx context.Context, content *component.Component, shared []int64, named map[string]int64) error {
	own, err := c.label(ctx, "componentName", content.Name)
	if err != nil {
		return err
	}
	labels := append([]int64{own}, shared...)
	if _, err := c.post(ctx, "/components/", map[string]any{"registry_name": "self", "name": content.Name, "label_ids": labels}); err != nil {
		return err
	}
	for _, api := range content.ExposedAPIs {
		_, err := c.post(ctx, "/exposed-apis/", map[string]any{
			"registry_name": "self", "component_name": content.Name, "name": api.Name, "url": api.URL,
			"oas_specification": api.Specifications[0].URL, "status": "ready", "label_ids": append(labels[:len(labels):len(labels)], named[api.Name]),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *plainClient) label(ctx context.Context, key, value string) (int64, error) {
	return c.post(ctx, "/labels/", map[string]any{"key": key, "value": value})
}

// post creates something and returns its id.
func (c *plainClient) post(ctx context.Context, path string, body any) (id int64, err error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("POST %s: %w", path, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return 0, fmt.Errorf("POST %s: %w", path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("POST %s: %w", path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("POST %s: %w", path, err)
	}
	if answer.StatusCode != http.StatusCreated {
		return 0, fmt.Errorf("POST %s: %s: %s", path, answer.Status, text)
	}
	var created struct{ ID int64 }
	if err := json.Unmarshal(text, &created); err != nil {
		return 0, fmt.Errorf("POST %s: %w", path, err)
	}
	return created.ID, nil
}
