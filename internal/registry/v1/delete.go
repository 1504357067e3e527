package v1

import (
	"context"
	"net/http"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// removal removes a component's entry and APIs at one place.
type removal struct {
	*Adapter
	*registry.Session
	key     component.Key
	at      place
	inDoubt bool
}

func (r *removal) attempt(ctx context.Context, _ creations) error {
	found, err := r.lookUp(ctx)
	if err != nil {
		return err
	}
	if found == nil {
		return r.removeLeftAPIs(ctx)
	}
	switch ownerOf(r.key, found.Labels) {
	case foreign:
		return nil
	case unowned:
		if found.ID != r.at.id { // the recorded id proves that the entry is odasync's although its labels were removed
			return nil
		}
	}
	// The APIs go first: the registry would keep them.
	apis, err := readAPIs(ctx, r.Session, r.at.name)
	if err != nil {
		return err
	}
	for _, a := range apis {
		if err := deleteAPI(ctx, r.Session, a.ID); err != nil {
			return err
		}
	}
	err = r.Do(ctx, remove(pathComponent, found.ID), nil)
	if err != nil && !registry.HasStatus(err, http.StatusNotFound) {
		return err
	}
	r.content.in(r.at.registry).Drop(fingerprint.Of(r.at.component), found.ID)
	r.content.apis.Drop(r.at.print(), 0)
	return nil
}

// lookUp finds the entry. Where the known ids lead to nothing although there may be an entry, the list decides: after an
// attempt with an unknown outcome, where the cache has an id, and for a registry entry whose list was never read.
func (r *removal) lookUp(ctx context.Context) (*wireComponent, error) {
	components, began := r.content.in(r.at.registry), r.content.clock.Load()
	_, cached := components.Get(fingerprint.Of(r.at.component))
	found, err := r.find(ctx, r.Session, r.at)
	if err != nil || found != nil {
		return found, err
	}
	if !r.inDoubt && !cached && components.NewerThan(0) {
		return nil, nil
	}
	if err := r.content.refreshComponents(ctx, r.Session, r.at.registry, began); err != nil {
		return nil, err
	}
	return r.find(ctx, r.Session, place{name: r.at.name})
}

// removeLeftAPIs deletes the APIs of a component that is gone, as far as their labels prove that they are its own.
func (r *removal) removeLeftAPIs(ctx context.Context) error {
	if r.at.id == 0 && !r.inDoubt && !r.content.apis.MayHave(r.at.print()) {
		return nil
	}
	apis, err := readAPIs(ctx, r.Session, r.at.name)
	if err != nil {
		return err
	}
	others := 0
	for _, a := range apis {
		if ownerOf(r.key, a.Labels) != ours {
			others++
			continue
		}
		if err := deleteAPI(ctx, r.Session, a.ID); err != nil {
			return err
		}
	}
	if others == 0 {
		r.content.apis.Drop(r.at.print(), 0)
	}
	return nil
}
