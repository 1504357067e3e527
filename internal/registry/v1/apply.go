package v1

import (
	"context"
	"net/http"
	"strconv"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// apply brings one component's entry to what it should be.
type apply struct {
	*Adapter
	*registry.Session
	key    component.Key
	want   entry
	record target.Ref
	doubt  bool
	// created is the id that this apply was given for a new entry; 0 for none.
	created int64
}

func (a *apply) round(ctx context.Context, known creations) error {
	at := place{registry: a.want.registry, name: a.want.name}
	if recorded := recordedPlace(a.record); recorded.known() {
		if recorded.same(at) {
			at.id = recorded.id
		} else if err := a.leave(ctx, recorded); err != nil {
			return err
		}
	}
	found, err := a.find(ctx, a.Session, at)
	if err != nil {
		return err
	}
	if found == nil {
		return a.create(ctx, at, known)
	}
	if !known.include(found.Registry) {
		return a.recreated(found.Registry)
	}
	// What was just created is ours even if its labels, sent with ids that had changed their meaning, tell otherwise.
	if found.ID != a.created && ownerOf(a.key, found.Labels) == foreign {
		a.record = target.Ref{}
		return nameTaken(a.key, found)
	}
	a.stands(found.ID)
	if err := a.update(ctx, found); err != nil {
		return err
	}
	return a.applyAPIs(ctx, true)
}

// leave removes the entry under a name that the configuration no longer gives.
func (a *apply) leave(ctx context.Context, old place) error {
	gone := &removal{Adapter: a.Adapter, Session: a.Session, key: a.key, at: old, doubt: a.doubt}
	if err := gone.round(ctx, nil); err != nil {
		return err
	}
	a.record = target.Ref{}
	return nil
}

// create posts the component without having looked for it: the registry refuses a second one of the name.
func (a *apply) create(ctx context.Context, at place, known creations) error {
	// A component that was there before, or may have been, can have left APIs behind, and these the registry would double.
	lookFirst := a.doubt || at.id != 0 || a.index.mayHaveAPIs(at.holder())

	var created wireComponent
	err := a.labels.send(ctx, a.Session, a.want.labels, func(ids []int64) error {
		body := componentCreate{RegistryName: a.want.registry, Name: a.want.name, LabelIDs: ids}
		return a.Do(ctx, registry.Request{Method: http.MethodPost, Path: pathComponents, Body: body}, &created)
	})
	switch {
	case registry.HasStatus(err, http.StatusNotFound):
		return again(err, rereadAll) // the registry entry is gone
	case registry.IsConflict(err):
		return again(err, rereadComponents) // somebody else has created it
	case err != nil:
		return err
	}
	a.created = created.ID
	a.index.in(a.want.registry).put(fingerprint.Of(a.want.name), created.ID)
	a.stands(created.ID)
	if !known.include(created.Registry) {
		return a.recreated(created.Registry)
	}
	return a.applyAPIs(ctx, lookFirst)
}

// stands notes where the component is. Another round then reads its APIs before it writes any.
func (a *apply) stands(id int64) {
	a.record = target.Ref{Registry: a.want.registry, Name: a.want.name, ID: strconv.FormatInt(id, 10)}
}

// recreated starts over because the registry entry was created anew: ids that are known stand for other things now, and
// the entry at hand may have been given labels that nobody meant.
func (a *apply) recreated(as *wireRegistry) error {
	reason := registry.Conflict("GET "+pathRegistries, "registry "+as.Name+" was created anew at "+as.CreatedAt)
	return &redo{failure: reason, reread: rereadAll, creation: as}
}

func (a *apply) update(ctx context.Context, found *wireComponent) error {
	if a.want.labels.shownBy(found.Labels) {
		return nil
	}
	if err := a.labels.refreshRenamed(ctx, a.Session, a.want.labels, found.Labels); err != nil {
		return err
	}
	err := a.labels.send(ctx, a.Session, a.want.labels, func(ids []int64) error {
		return a.Do(ctx, registry.Request{
			Method: http.MethodPut, Path: pathComponent, ID: found.ID, Body: componentUpdate{LabelIDs: ids},
		}, nil)
	})
	if registry.IsConflict(err) {
		return again(err, rereadNothing)
	}
	return err
}

// again asks for another round because of a failure.
func again(err error, what reread) error {
	failure, ok := registry.AsFailure(err)
	if !ok {
		return err
	}
	return &redo{failure: failure, reread: what}
}
