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

// apply makes one component's entry the desired one.
type apply struct {
	*Adapter
	*registry.Session
	key     component.Key
	want    entry
	ref     target.Ref
	inDoubt bool
	// created is the id of an entry that this apply created; 0 for none.
	created int64
	// overwritten means that another program has replaced the labels that an earlier apply gave the entry.
	overwritten bool
}

func (a *apply) attempt(ctx context.Context, known creations) error {
	at := place{name: a.want.name}
	if recorded, ok := placeOf(a.ref); ok {
		if recorded.name == at.name {
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
	// A new entry is this apply's even if its labels, sent with ids that had changed their meaning, are another owner's.
	if found.ID != a.created {
		switch ownerOf(a.key, found.Labels) {
		case foreign:
			a.ref = target.Ref{}
			return nameConflict(a.key, found)
		case unowned:
			a.overwritten = a.ref.Digest != "" && found.ID == at.id // it had odasync's labels
		}
	}
	a.record(found.ID)
	if err := a.update(ctx, found); err != nil {
		return err
	}
	return a.applyAPIs(ctx, true)
}

// leave removes the entry of a name that the present configuration does not give.
func (a *apply) leave(ctx context.Context, old place) error {
	op := &removal{Adapter: a.Adapter, Session: a.Session, key: a.key, at: old, inDoubt: a.inDoubt}
	if err := op.attempt(ctx, nil); err != nil {
		return err
	}
	a.ref = target.Ref{}
	return nil
}

// create posts the component without a search for it: the registry rejects a second one of the name.
func (a *apply) create(ctx context.Context, at place, known creations) error {
	// A component that existed before may have left APIs behind, which the registry would duplicate.
	mayHaveAPIs := a.inDoubt || at.id != 0 || a.content.apis.MayHave(at.print())

	var created wireComponent
	err := a.content.sendLabels(ctx, a.Session, a.want.labels, func(ids []int64) error {
		body := componentCreate{RegistryName: at.registry, Name: at.component, LabelIDs: ids}
		return a.Do(ctx, post(pathComponents, body), &created)
	})
	switch {
	case registry.HasStatus(err, http.StatusNotFound):
		return stale(err, a.content.refresh) // the registry entry is gone
	case registry.IsConflict(err): // created by another program
		return stale(err, func(ctx context.Context, s *registry.Session, after uint64) error {
			return a.content.refreshComponents(ctx, s, at.registry, after)
		})
	case err != nil:
		return err
	}
	a.created = created.ID
	a.content.in(at.registry).Put(fingerprint.Of(at.component), created.ID)
	a.record(created.ID)
	if !known.include(created.Registry) {
		return a.recreated(created.Registry)
	}
	return a.applyAPIs(ctx, mayHaveAPIs)
}

// record notes where the entry is. Another attempt then reads its APIs before it writes any.
func (a *apply) record(id int64) {
	a.ref = target.Ref{Registry: a.want.registry, Name: a.want.component, ID: strconv.FormatInt(id, 10)}
}

// recreated starts over because the registry entry was created anew: cached ids may lead to other rows, and the component's
// entry may have been given labels that nothing asked for.
func (a *apply) recreated(as *wireRegistry) error {
	reason := registry.Conflict("GET "+pathRegistries, "registry "+as.Name+" was created anew at "+as.CreatedAt)
	return stale(reason, func(ctx context.Context, s *registry.Session, after uint64) error {
		err := a.content.refresh(ctx, s, after)
		if err == nil {
			a.content.registries.Put(as.creation(), as.ID) // if the list lacks it, it must not cause another refresh
		}
		return err
	})
}

func (a *apply) update(ctx context.Context, found *wireComponent) error {
	if a.want.labels.matches(found.Labels) {
		return nil
	}
	if err := a.content.refreshRenamed(ctx, a.Session, a.want.labels, found.Labels); err != nil {
		return err
	}
	err := a.content.sendLabels(ctx, a.Session, a.want.labels, func(ids []int64) error {
		return a.Do(ctx, put(pathComponent, found.ID, componentUpdate{LabelIDs: ids}), nil)
	})
	if registry.IsConflict(err) {
		return stale(err, nil)
	}
	return err
}
