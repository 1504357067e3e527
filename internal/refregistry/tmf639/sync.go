package tmf639

import (
	"net/http"
	"net/url"
	"strings"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// sync takes an event of another registry. Its documents are stored without
// validation, under the name of their source.
func (s *Service) sync(c *call) (*answer, *failure) {
	eventType := c.body.Text("eventType")
	if eventType == "" {
		return nil, fail(http.StatusBadRequest, "Missing eventType in event payload")
	}
	event := c.body
	if query, err := url.ParseQuery(c.body.Text("query")); err == nil && query.Get("source") != "" {
		event, _ = renamed(c.body, query.Get("source")+":").(pyjson.Object)
	}
	id := event.Text("id")
	if id == "" {
		return nil, notSynced("400: Missing id in event payload")
	}
	resource, _ := event.Get("resource")
	content, _ := resource.(pyjson.Object)
	var (
		action string
		failed *failure
	)
	switch eventType {
	case resourceCreated:
		action, failed = s.upsert(c, id, content, "created")
	case resourceChanged:
		action, failed = s.upsert(c, id, content, "created_from_update")
	case resourceDeleted:
		if action = "deleted"; s.delete(c, id) != nil {
			action = "already_deleted"
		}
	default:
		failed = notSynced("400: Unknown eventType: " + eventType)
	}
	return ok(pyjson.Append(nil, pyjson.Object{}.
		With("status", "synchronized").With("eventType", eventType).With("resourceId", id).With("action", action))), failed
}

func notSynced(reason string) *failure {
	return fail(http.StatusInternalServerError, "Error processing sync event: %s", reason)
}

// upsert replaces a document as PATCH does, or creates it with its links.
func (s *Service) upsert(c *call, id string, content pyjson.Object, creation string) (action string, failed *failure) {
	var (
		body      []byte
		eventType = resourceChanged
	)
	s.store.update(func() {
		action = "updated"
		r := s.store.byID[id]
		if r == nil {
			action, eventType = creation, resourceCreated
			r = s.store.insert(id, content, s.cfg.Now(), s.find)
		} else {
			r.fill(content.Without("id", "href"), s.cfg.Now())
		}
		body, failed = s.wrote(c, r)
	})
	if failed == nil {
		s.notify(c.ctx, eventType, id, body)
	}
	return action, failed
}

// renamed puts a prefix in the place of self: at the start of every text, at any depth.
func renamed(v any, prefix string) any {
	switch v := v.(type) {
	case pyjson.Object:
		out := make(pyjson.Object, len(v))
		for i, m := range v {
			out[i] = pyjson.Member{Name: m.Name, Value: renamed(m.Value, prefix)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = renamed(item, prefix)
		}
		return out
	case string:
		if rest, own := strings.CutPrefix(v, "self:"); own {
			return prefix + rest
		}
	}
	return v
}
