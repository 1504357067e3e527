package v1

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"odasync/internal/registry"
)

// apiPlan is what turns the actual APIs of a component into the desired ones.
type apiPlan struct {
	remove []wireAPI
	change []apiChange
	create []api
}

// apiChange is an API that differs from the desired one.
type apiChange struct {
	actual wireAPI
	want   api
}

func (c apiChange) labelsDiffer() bool { return !c.want.labels.matches(c.actual.Labels) }

func (c apiChange) differs() bool {
	return c.actual.URL != c.want.url || c.actual.Specification != c.want.specification ||
		c.actual.Status != c.want.status || c.labelsDiffer()
}

// planAPIs compares. The registry accepts any number of APIs of one name. Of those, one that needs no change is kept, or
// else the oldest, and the others are removed.
func planAPIs(want []api, actual []wireAPI) apiPlan {
	var plan apiPlan
	byName := map[string][]wireAPI{}
	for _, a := range slices.SortedFunc(slices.Values(actual), func(a, b wireAPI) int { return cmp.Compare(a.ID, b.ID) }) {
		byName[a.Name] = append(byName[a.Name], a)
	}
	kept := map[int64]bool{}
	for _, w := range want {
		same := byName[w.name]
		if len(same) == 0 {
			plan.create = append(plan.create, w)
			continue
		}
		best := max(0, slices.IndexFunc(same, func(a wireAPI) bool { return !apiChange{a, w}.differs() }))
		kept[same[best].ID] = true
		if c := (apiChange{same[best], w}); c.differs() {
			plan.change = append(plan.change, c)
		}
	}
	for _, a := range actual {
		if !kept[a.ID] {
			plan.remove = append(plan.remove, a)
		}
	}
	return plan
}

// applyAPIs makes the APIs of an existing component the desired ones. It reads the actual ones unless there are certainly
// none. An API that the registry rejects does not keep the others from being written; its failure is the result.
func (a *apply) applyAPIs(ctx context.Context, mayHaveAPIs bool) error {
	var actual []wireAPI
	if mayHaveAPIs {
		var err error
		if actual, err = readAPIs(ctx, a.Session, a.want.name); err != nil {
			return err
		}
	}
	plan := planAPIs(a.want.apis, actual)
	for _, surplus := range plan.remove {
		if err := deleteAPI(ctx, a.Session, surplus.ID); err != nil {
			return err
		}
	}
	var rejection error
	tolerate := func(err error, api string) error {
		if !registry.IsInvalid(err) {
			return err
		}
		if rejection == nil {
			rejection = registry.About(err, "API "+api)
		}
		return nil
	}
	for _, c := range plan.change {
		if err := tolerate(a.changeAPI(ctx, c), c.want.name); err != nil {
			return err
		}
	}
	for _, w := range plan.create {
		if err := tolerate(a.createAPI(ctx, w), w.name); err != nil {
			return err
		}
	}
	return rejection
}

func (a *apply) createAPI(ctx context.Context, w api) error {
	err := a.content.sendLabels(ctx, a.Session, w.labels, func(ids []int64) error {
		return a.Do(ctx, post(pathAPIs, apiCreate{
			RegistryName: a.want.registry, ComponentName: a.want.component,
			Name: w.name, URL: w.url, Specification: w.specification, Status: w.status, LabelIDs: ids,
		}), nil)
	})
	switch {
	case registry.HasStatus(err, http.StatusNotFound):
		return stale(registry.Conflict("POST "+pathAPIs, "component "+a.want.component+" or its registry entry has vanished"), a.content.refresh)
	case registry.IsConflict(err):
		return stale(err, nil)
	case err == nil:
		a.content.apis.Put(a.want.print(), 0)
	}
	return err
}

// changeAPI sends only what differs. A change of the status alone has its own request.
func (a *apply) changeAPI(ctx context.Context, c apiChange) error {
	var update apiUpdate
	if c.actual.URL != c.want.url {
		update.URL = &c.want.url
	}
	if c.actual.Specification != c.want.specification {
		update.Specification = &c.want.specification
	}
	if c.actual.Status != c.want.status {
		update.Status = &c.want.status
	}
	var err error
	switch {
	case c.labelsDiffer():
		if err := a.content.refreshRenamed(ctx, a.Session, c.want.labels, c.actual.Labels); err != nil {
			return err
		}
		err = a.content.sendLabels(ctx, a.Session, c.want.labels, func(ids []int64) error {
			update.LabelIDs = &ids
			return a.Do(ctx, put(pathAPI, c.actual.ID, update), nil)
		})
	case update.URL == nil && update.Specification == nil:
		err = a.Do(ctx, patch(pathAPIStatus, c.actual.ID, apiStatus{Status: c.want.status}), nil)
	default:
		err = a.Do(ctx, put(pathAPI, c.actual.ID, update), nil)
	}
	if registry.IsConflict(err) {
		return stale(err, nil)
	}
	return err
}

// deleteAPI counts an API that is gone already as deleted.
func deleteAPI(ctx context.Context, s *registry.Session, id int64) error {
	err := s.Do(ctx, remove(pathAPI, id), nil)
	if registry.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
