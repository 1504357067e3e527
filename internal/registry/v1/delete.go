package v1

import (
	"context"
	"net/http"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
)

// removal takes away what the registry shows for a component at one place.
type removal struct {
	*Adapter
	*registry.Session
	key   component.Key
	at    place
	doubt bool
}

func (r *removal) round(ctx context.Context, _ creations) error {
	found, err := r.lookUp(ctx)
	if err != nil {
		return err
	}
	if found == nil {
		return r.removeLeftovers(ctx)
	}
	switch ownerOf(r.key, found.Labels) {
	case foreign:
		return nil
	case unowned:
		// Only the record can tell that it was ours: somebody took its labels away.
		if found.ID != r.at.id {
			return nil
		}
	}
	// The APIs go first: the registry would leave them behind.
	shown, err := readAPIs(ctx, r.Session, r.at.holder())
	if err != nil {
		return err
	}
	for _, a := range shown {
		if err := deleteAPI(ctx, r.Session, a.ID); err != nil {
			return err
		}
	}
	err = r.Do(ctx, registry.Request{Method: http.MethodDelete, Path: pathComponent, ID: found.ID}, nil)
	if err != nil && !registry.HasStatus(err, http.StatusNotFound) {
		return err
	}
	r.index.in(r.at.registry).drop(fingerprint.Of(r.at.name), found.ID)
	r.index.apis.drop(r.at.holder().print(), true)
	return nil
}

// lookUp finds the entry. Where the known ids lead nowhere although there may be an entry, the list decides: after an
// attempt of unknown end, where the index had promised one, and for a registry whose list was never read.
func (r *removal) lookUp(ctx context.Context) (*wireComponent, error) {
	components := r.index.in(r.at.registry)
	mark := components.mark()
	_, listed := components.get(fingerprint.Of(r.at.name))
	found, err := r.find(ctx, r.Session, r.at)
	if err != nil || found != nil {
		return found, err
	}
	if !r.doubt && !listed && components.newerThan(0) {
		return nil, nil
	}
	if err := r.index.reloadComponents(ctx, r.Session, r.at.registry, mark); err != nil {
		return nil, err
	}
	return r.find(ctx, r.Session, place{registry: r.at.registry, name: r.at.name})
}

// removeLeftovers deletes the APIs of a component that is gone, as far as they say that they are its own.
func (r *removal) removeLeftovers(ctx context.Context) error {
	if r.at.id == 0 && !r.doubt && !r.index.mayHaveAPIs(r.at.holder()) {
		return nil
	}
	shown, err := readAPIs(ctx, r.Session, r.at.holder())
	if err != nil {
		return err
	}
	others := 0
	for _, a := range shown {
		if ownerOf(r.key, a.Labels) != ours {
			others++
			continue
		}
		if err := deleteAPI(ctx, r.Session, a.ID); err != nil {
			return err
		}
	}
	if others == 0 {
		r.index.apis.drop(r.at.holder().print(), true)
	}
	return nil
}
