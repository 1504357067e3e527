package v1

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"odasync/internal/registry"
)

// apiPlan is what makes the APIs that are shown equal to those that should be.
type apiPlan struct {
	remove []wireAPI
	change []apiChange
	create []api
}

// apiChange is an API of which something differs.
type apiChange struct {
	shown wireAPI
	want  api
}

func (c apiChange) labelsDiffer() bool { return !c.want.labels.shownBy(c.shown.Labels) }

func (c apiChange) differs() bool {
	return c.shown.URL != c.want.url || c.shown.Specification != c.want.specification ||
		c.shown.Status != c.want.status || c.labelsDiffer()
}

// planAPIs compares. The registry takes any number of APIs of one name: of those, one that needs no change stays, else
// the oldest, and the others go.
func planAPIs(want []api, shown []wireAPI) apiPlan {
	var plan apiPlan
	byName := map[string][]wireAPI{}
	for _, a := range slices.SortedFunc(slices.Values(shown), func(a, b wireAPI) int { return cmp.Compare(a.ID, b.ID) }) {
		byName[a.Name] = append(byName[a.Name], a)
	}
	stays := map[int64]bool{}
	for _, w := range want {
		same := byName[w.name]
		if len(same) == 0 {
			plan.create = append(plan.create, w)
			continue
		}
		best := max(0, slices.IndexFunc(same, func(s wireAPI) bool { return !apiChange{s, w}.differs() }))
		stays[same[best].ID] = true
		if c := (apiChange{same[best], w}); c.differs() {
			plan.change = append(plan.change, c)
		}
	}
	for _, a := range shown {
		if !stays[a.ID] {
			plan.remove = append(plan.remove, a)
		}
	}
	return plan
}

// applyAPIs brings the APIs of a component that exists to what they should be. Without look nothing is there yet. An API
// that the registry rejects does not keep the others from their place; its failure is the result.
func (a *apply) applyAPIs(ctx context.Context, look bool) error {
	of := holder{a.want.registry, a.want.name}
	var shown []wireAPI
	if look {
		var err error
		if shown, err = readAPIs(ctx, a.Session, of); err != nil {
			return err
		}
	}
	plan := planAPIs(a.want.apis, shown)
	for _, gone := range plan.remove {
		if err := deleteAPI(ctx, a.Session, gone.ID); err != nil {
			return err
		}
	}
	var rejected error
	for _, c := range plan.change {
		if err := a.changeAPI(ctx, c); registry.IsInvalid(err) {
			rejected = first(rejected, registry.About(err, "API "+c.want.name))
		} else if err != nil {
			return err
		}
	}
	for _, w := range plan.create {
		if err := a.createAPI(ctx, w); registry.IsInvalid(err) {
			rejected = first(rejected, registry.About(err, "API "+w.name))
		} else if err != nil {
			return err
		}
	}
	return rejected
}

func first(earlier, later error) error {
	if earlier != nil {
		return earlier
	}
	return later
}

func (a *apply) createAPI(ctx context.Context, w api) error {
	of := holder{a.want.registry, a.want.name}
	err := a.labels.send(ctx, a.Session, w.labels, func(ids []int64) error {
		body := apiCreate{
			RegistryName: of.registry, ComponentName: of.name,
			Name: w.name, URL: w.url, Specification: w.specification, Status: w.status, LabelIDs: ids,
		}
		return a.Do(ctx, registry.Request{Method: http.MethodPost, Path: pathAPIs, Body: body}, nil)
	})
	if registry.HasStatus(err, http.StatusNotFound) {
		return again(registry.Conflict("POST "+pathAPIs, "component "+of.name+" or its registry entry has vanished"), rereadAll)
	}
	if registry.IsConflict(err) {
		return again(err, rereadNothing)
	}
	if err == nil {
		a.index.apis.put(of.print(), true)
	}
	return err
}

// changeAPI sends only what differs; where that is the state alone, by the request that is made for it.
func (a *apply) changeAPI(ctx context.Context, c apiChange) error {
	var update apiUpdate
	if c.shown.URL != c.want.url {
		update.URL = &c.want.url
	}
	if c.shown.Specification != c.want.specification {
		update.Specification = &c.want.specification
	}
	if c.shown.Status != c.want.status {
		update.Status = &c.want.status
	}
	var err error
	switch {
	case c.labelsDiffer():
		if err := a.labels.refreshRenamed(ctx, a.Session, c.want.labels, c.shown.Labels); err != nil {
			return err
		}
		err = a.labels.send(ctx, a.Session, c.want.labels, func(ids []int64) error {
			update.LabelIDs = &ids
			return a.Do(ctx, registry.Request{Method: http.MethodPut, Path: pathAPI, ID: c.shown.ID, Body: update}, nil)
		})
	case update.URL == nil && update.Specification == nil:
		body := apiStatus{Status: c.want.status}
		err = a.Do(ctx, registry.Request{Method: http.MethodPatch, Path: pathAPIStatus, ID: c.shown.ID, Body: body}, nil)
	default:
		err = a.Do(ctx, registry.Request{Method: http.MethodPut, Path: pathAPI, ID: c.shown.ID, Body: update}, nil)
	}
	if registry.IsConflict(err) {
		return again(err, rereadNothing)
	}
	return err
}

// deleteAPI counts an API that is gone already as deleted.
func deleteAPI(ctx context.Context, s *registry.Session, id int64) error {
	err := s.Do(ctx, registry.Request{Method: http.MethodDelete, Path: pathAPI, ID: id}, nil)
	if registry.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
