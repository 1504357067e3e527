package tmf639

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/target"
)

// Health implements [target.Probe].
func (a *Adapter) Health(ctx context.Context) error {
	return a.client.Do(ctx, registry.Request{Method: http.MethodGet, Path: pathHealth}, nil)
}

// WriteProbe implements [target.Probe]. It replaces a document that does not exist, and expects to be told so: the registry
// checks the permission first, looks the document up in its database, and changes and announces nothing. There is no write
// that leaves a document as it is: what was read may be changed by another process before it is written again.
func (a *Adapter) WriteProbe(ctx context.Context) error {
	id := document.Prefix(a.cfg, "") + ":odasync-write-probe"
	err := a.client.Do(ctx, registry.Request{Method: http.MethodPatch, Path: pathResource, ID: id, Body: struct{}{}}, nil)
	failure, ok := registry.AsFailure(err)
	if !ok || !isGone(err) {
		return registry.Misconfigured(err)
	}
	if strings.Contains(failure.Detail, id) {
		return nil
	}
	return &target.Failure{
		Class: target.ClassUnauthorized, Request: failure.Request, Status: failure.Status,
		Detail: registry.Clean("the answer is not that of a TMF639 registry, check COMPONENT_REGISTRY_URL: " + failure.Detail),
	}
}

// Contract reads one document in both forms, and checks the permission to write like [Adapter.WriteProbe].
func (a *Adapter) Contract(ctx context.Context) error {
	for _, form := range []struct {
		query url.Values
		check func(document.Stored) error
	}{{url.Values{"limit": {"1"}}, checkFull}, {url.Values{"limit": {"1"}, "fields": {"resourceVersion"}}, checkShort}} {
		count := 0
		err := a.client.Do(ctx, registry.Request{
			Method: http.MethodGet, Path: document.Path, Query: form.query,
			Row: func(decoder *jsontext.Decoder) error {
				var row document.Stored
				if err := json.UnmarshalDecode(decoder, &row); err != nil {
					return err
				}
				if count++; count > 1 {
					return errors.New("the parameter limit is ignored")
				}
				return form.check(row)
			},
		}, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", a.cfg.Address(), err)
		}
	}
	if err := a.WriteProbe(ctx); err != nil {
		return fmt.Errorf("%s: %w", a.cfg.Address(), err)
	}
	return nil
}

func checkFull(row document.Stored) error {
	if row.ID() == "" {
		return errors.New("a resource has no id")
	}
	return nil
}

// checkShort requires the short form, without which every comparison would read whole documents.
func checkShort(row document.Stored) error {
	_, versioned := row["resourceVersion"]
	if _, full := row["resourceCharacteristic"]; full || !versioned || row.ID() == "" {
		return errors.New("the parameter fields=resourceVersion is ignored")
	}
	return nil
}
