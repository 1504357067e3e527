package tmf639

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"odasync/internal/refregistry/tmf639/pyjson"
)

// hubTimeout is how long one request to a hub may take.
const hubTimeout = 5 * time.Second

// The types of an event.
const (
	resourceCreated = "ResourceCreated"
	resourceChanged = "ResourceChanged"
	resourceDeleted = "ResourceDeleted"
)

// hub is a receiver of events. Its query is no filter: it is copied into them.
type hub struct {
	id, callback string
	query        any // a string or nil
}

// hubs has the receivers in the order of their registration.
type hubs struct {
	client *http.Client

	mu   sync.Mutex
	list []hub
	// refused has the hosts that answered 401. The service asks them again with
	// a token of its own; this one has none, and asks them no more.
	refused map[string]bool
}

func newHubs() *hubs {
	return &hubs{refused: map[string]bool{}, client: &http.Client{
		Timeout:       hubTimeout,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (h *hubs) restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.refused)
}

func (h hub) view() pyjson.Object {
	return pyjson.Object{}.With("id", h.id).With("callback", h.callback).With("query", h.query)
}

func (s *Service) createHub(c *call) (*answer, *failure) {
	if failed := checkHub(c.body); failed != nil {
		return nil, failed
	}
	h := hub{id: c.body.Text("id"), callback: c.body.Text("callback")}
	h.query, _ = c.body.Get("query")
	if h.id == "" {
		h.id = s.hubs.name(c.ctx, h.callback)
	}
	s.hubs.mu.Lock()
	defer s.hubs.mu.Unlock()
	if s.hubs.find(h.id) >= 0 {
		return nil, uncaught() // the database refuses it
	}
	s.hubs.list = append(s.hubs.list, h)
	return created(pyjson.Append(nil, h.view())), nil
}

func checkHub(body pyjson.Object) *failure {
	var problems []any
	for _, name := range []string{"callback", "id", "query"} {
		v, given := body.Get(name)
		switch _, text := v.(string); {
		case !given && name == "callback":
			problems = append(problems, problem("missing", "Field required", body, "body", name))
		case given && !text && (v != nil || name == "callback"):
			problems = append(problems, problem("string_type", "Input should be a valid string", v, "body", name))
		}
	}
	if len(problems) > 0 {
		return invalid(problems...)
	}
	return nil
}

func (s *Service) listHubs(*call) (*answer, *failure) {
	s.hubs.mu.Lock()
	defer s.hubs.mu.Unlock()
	list := make([]any, len(s.hubs.list))
	for i, h := range s.hubs.list {
		list[i] = h.view()
	}
	return ok(pyjson.Append(nil, list)), nil
}

func (s *Service) getHub(c *call) (*answer, *failure) {
	s.hubs.mu.Lock()
	defer s.hubs.mu.Unlock()
	at := s.hubs.find(c.id)
	if at < 0 {
		return nil, notFound("Hub", c.id)
	}
	return ok(pyjson.Append(nil, s.hubs.list[at].view())), nil
}

func (s *Service) removeHub(c *call) (*answer, *failure) {
	s.hubs.mu.Lock()
	defer s.hubs.mu.Unlock()
	at := s.hubs.find(c.id)
	if at < 0 {
		return nil, notFound("Hub", c.id)
	}
	// A new list: a notification may be reading the old one.
	s.hubs.list = append(append([]hub(nil), s.hubs.list[:at]...), s.hubs.list[at+1:]...)
	return gone(), nil
}

// find returns the place of a hub, or -1. The caller has the lock.
func (h *hubs) find(id string) int {
	for i, hub := range h.list {
		if hub.id == id {
			return i
		}
	}
	return -1
}

// name makes the id of a hub: the name of the registry that receives at the
// callback, or else a UUID.
func (h *hubs) name(ctx context.Context, callback string) string {
	address, isRegistry := strings.CutSuffix(callback, "/sync")
	if !isRegistry {
		return newID()
	}
	var health struct{ Name string }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/health", nil)
	if err != nil {
		return newID()
	}
	res, err := h.client.Do(req)
	if err != nil {
		return newID()
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&health); err != nil || health.Name == "" {
		return newID()
	}
	return health.Name
}

// notify sends an event to each hub, one after another, inside the request that
// wrote. Whatever the hubs answer, the write has succeeded.
func (s *Service) notify(ctx context.Context, eventType, id string, document []byte) {
	s.hubs.mu.Lock()
	receivers := s.hubs.list
	s.hubs.mu.Unlock()
	at := s.cfg.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	for _, h := range receivers {
		event := pyjson.Object{}
		if h.query != nil && h.query != "" {
			event = event.With("query", h.query)
		}
		event = event.With("eventType", eventType).With("eventTime", at).With("id", id)
		body := pyjson.Append(nil, event)
		body = append(append(append(body[:len(body)-1], `,"resource":`...), document...), '}')
		// A client that leaves does not stop the service.
		s.hubs.post(context.WithoutCancel(ctx), h.callback, body)
	}
}

func (h *hubs) post(ctx context.Context, callback string, body []byte) {
	address, err := url.Parse(callback)
	if err != nil {
		return // the service checks no callback, and reports no failure
	}
	h.mu.Lock()
	refused := h.refused[address.Host]
	h.mu.Unlock()
	if refused {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, callback, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h.client.Do(req)
	if err != nil {
		return
	}
	_ = res.Body.Close() // the answer does not matter
	if res.StatusCode == http.StatusUnauthorized {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.refused[address.Host] = true
	}
}
