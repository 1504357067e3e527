package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// registry is the v1 contract as far as a first apply needs it, in memory and with as little work of its own as possible: what
// it spends on a request would hide the difference between the clients. Anything else is answered with 501 and counted.
type registry struct {
	delay time.Duration

	mu         sync.Mutex
	registries []row
	labels     []row
	components []row
	apis       []row
	names      map[string]bool // of components and labels, which are unique
	stats      stats
}

// stats are the counters of the registry.
type stats struct {
	Components, APIs, Requests int
	// Unexpected are requests that a first apply does not send, Refused those that it should not have sent.
	Unexpected, Refused int
	LastWrite           time.Time
}

// row is an item of any kind, in the format of the contract.
type row struct {
	ID            int64  `json:"id"`
	CreatedAt     string `json:"created_at"`
	Key           string `json:"key,omitempty"`
	Value         string `json:"value,omitempty"`
	RegistryName  string `json:"registry_name,omitempty"`
	ComponentName string `json:"component_name,omitempty"`
	Name          string `json:"name,omitempty"`
	Type          string `json:"type,omitempty"`
	URL           string `json:"url,omitempty"`
	Specification string `json:"oas_specification,omitempty"`
	Status        string `json:"status,omitempty"`
	Registry      *row   `json:"registry,omitempty"`
	Labels        []row  `json:"labels"`

	LabelIDs []int64 `json:"label_ids,omitempty"` // of a request
}

const statsPath = "/stats"

func serveRegistry(ctx context.Context, delay time.Duration) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the registry: %w", err)
	}
	r := &registry{delay: delay, names: map[string]bool{}}
	server := &http.Server{Handler: r.handler(), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Printf("registry at http://%s\n", listener.Addr())
	select {
	case err := <-ended:
		return fmt.Errorf("serve the registry: %w", err)
	case <-ctx.Done():
	}
	err = server.Close()
	if ended := <-ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func (r *registry) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statsPath, func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		s := r.stats
		r.mu.Unlock()
		reply(w, http.StatusOK, s)
	})
	handle := func(pattern string, handler http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, request *http.Request) {
			time.Sleep(r.delay)
			r.mu.Lock()
			r.stats.Requests++
			r.mu.Unlock()
			handler(w, request)
		})
	}
	handle("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "healthy"})
	})
	for path, rows := range map[string]*[]row{
		"/registries/": &r.registries, "/labels/": &r.labels, "/components/": &r.components, "/exposed-apis/": &r.apis,
	} {
		handle("GET "+path+"{$}", func(w http.ResponseWriter, request *http.Request) { r.list(w, request, rows) })
		handle("POST "+path+"{$}", func(w http.ResponseWriter, request *http.Request) { r.create(w, request, rows) })
	}
	// Writes of a probe.
	handle("GET /registries/{id}", r.getRegistry)
	handle("PUT /registries/{id}", r.getRegistry)
	handle("/", func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.stats.Unexpected++
		r.mu.Unlock()
		http.Error(w, "unknown request "+request.Method+" "+request.URL.Path, http.StatusNotImplemented)
	})
	return mux
}

// list gives a page, filtered as the contract does.
func (r *registry) list(w http.ResponseWriter, request *http.Request, rows *[]row) {
	query := request.URL.Query()
	skip, _ := strconv.Atoi(query.Get("skip")) // the contract's default is 0
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil {
		limit = 100
	}
	page := []row{}
	r.mu.Lock()
	for _, row := range *rows {
		if name := query.Get("registry_name"); name != "" && row.RegistryName != name {
			continue
		}
		if name := query.Get("component_name"); name != "" && row.ComponentName != name {
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		if len(page) == limit {
			break
		}
		page = append(page, r.shown(row))
	}
	r.mu.Unlock()
	reply(w, http.StatusOK, page)
}

// shown returns a row with its registry and labels.
func (r *registry) shown(row row) row {
	row.Registry, row.Labels = r.within(row), nil
	for _, id := range row.LabelIDs {
		row.Labels = append(row.Labels, r.labels[id-1])
	}
	row.LabelIDs = nil
	return row
}

// within is the registry's own entry, nested in what belongs to it.
func (r *registry) within(of row) *row {
	if of.RegistryName == "" || len(r.registries) == 0 {
		return nil
	}
	return &r.registries[0]
}

func (r *registry) create(w http.ResponseWriter, request *http.Request, rows *[]row) {
	var created row
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = json.Unmarshal(body, &created)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	unique := created.Key + "\x00" + created.Value + "\x00" + created.Name
	if rows != &r.apis {
		if r.names[unique] {
			r.stats.Refused++
			r.mu.Unlock()
			http.Error(w, `{"detail":"already exists"}`, http.StatusBadRequest)
			return
		}
		r.names[unique] = true
	}
	created.ID, created.CreatedAt = int64(len(*rows)+1), "2026-01-01T00:00:00"
	*rows = append(*rows, created)
	switch rows {
	case &r.components:
		r.stats.Components++
	case &r.apis:
		r.stats.APIs++
	}
	r.stats.LastWrite = time.Now()
	created.Registry, created.Labels, created.LabelIDs = r.within(created), []row{}, nil
	r.mu.Unlock()
	reply(w, http.StatusCreated, created)
}

// getRegistry returns the only registry entry.
func (r *registry) getRegistry(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	entries := r.registries
	r.mu.Unlock()
	if len(entries) == 0 {
		http.NotFound(w, nil)
		return
	}
	reply(w, http.StatusOK, entries[0])
}

func reply(w http.ResponseWriter, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // a client that has gone needs no answer
}

// askStats asks a registry process for its numbers.
func askStats(ctx context.Context, url string) (s stats, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+statsPath, nil)
	if err != nil {
		return s, fmt.Errorf("ask the registry: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, fmt.Errorf("ask the registry: %w", err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("ask the registry: %w", err)
	}
	return s, nil
}
