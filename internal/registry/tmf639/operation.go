package tmf639

import (
	"context"
	"maps"
	"slices"
	"strings"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/target"
)

// operation makes the documents of one component the desired ones, or removes them.
type operation struct {
	*Adapter
	*registry.Session
	key       component.Key
	want      []document.Document // the Component, then its APIs; none for a deletion
	component string              // the id of the Component's document
	// inDoubt and verify are those of the target.Previous.
	inDoubt, verify bool

	// recorded are the documents of the sync state, have those that are the component's as far as is known by now. Their digests
	// can be relied on: the link of an API is right too.
	recorded, have parts
	// suspect are documents that the listing shows with the digest, while nothing shows that they have the right link: another
	// attempt may have been interrupted before it could replace one with a wrong link.
	suspect parts
	// listed are the resourceVersions of the listing, of the documents that matter here; nil where none was read.
	listed map[string]string

	overwritten, adopted int
	created              bool // the document of the Component
}

// look compares what is recorded with the listing.
func (op *operation) look(ctx context.Context) error {
	prefix, owner := document.Prefix(op.cfg, op.key.Cluster)+":", document.OwnerMark(op.key)
	err := op.listing.view(ctx, op.Session, op.inDoubt, func(rows map[string]row) {
		op.listed = map[string]string{}
		note := func(id string) {
			if r, ok := rows[id]; ok {
				op.listed[id] = r.version
			}
		}
		for id := range op.recorded {
			note(id)
		}
		for i := range op.want {
			note(op.want[i].ID)
		}
		for id, r := range rows {
			if strings.HasPrefix(r.version, owner) && strings.HasPrefix(id, prefix) {
				op.listed[id] = r.version
			}
		}
	})
	if err != nil {
		return err
	}
	op.have = parts{}
	for id, version := range op.listed {
		m, marked := document.ParseMark(version)
		digest, recorded := op.recorded[id]
		trusted := recorded && digest == m.Digest
		if op.inDoubt { // an API may have got its recorded mark again, and not yet the right link
			trusted = id == op.component
		}
		switch {
		case marked && m.Key == op.key && trusted:
			op.have[id] = m.Digest
		case marked && m.Key == op.key:
			op.have[id], op.suspect[id] = "", m.Digest
		case !marked && recorded:
			op.have[id] = ""
			if version != "" && digest != "" { // else it is a stub, or perhaps was never written
				op.overwritten++
			}
		}
	}
	return nil
}

// removeSurplus deletes the documents that are not desired, the Component last: without it the links of its APIs lead to
// nothing.
func (op *operation) removeSurplus(ctx context.Context) error {
	desired := map[string]bool{}
	for i := range op.want {
		desired[op.want[i].ID] = true
	}
	var surplus, components []string
	for _, id := range slices.Sorted(maps.Keys(op.have)) {
		_, name, _ := strings.Cut(id, ":")
		switch {
		case desired[id]:
		case document.IsComponentID(name, op.key):
			components = append(components, id)
		default:
			surplus = append(surplus, id)
		}
	}
	return op.removeAll(ctx, append(surplus, components...))
}

func (op *operation) removeAll(ctx context.Context, ids []string) error {
	for _, id := range ids {
		if err := op.remove(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a document; one that is gone is success.
func (op *operation) remove(ctx context.Context, id string) error {
	err := op.Do(ctx, remove(id), nil)
	if err != nil && !isGone(err) {
		return err
	}
	op.listing.removed(id)
	delete(op.have, id)
	return nil
}

// delete removes the documents of a component that does not exist.
func (op *operation) delete(ctx context.Context) error {
	if op.inDoubt || op.verify || len(op.recorded) == 0 {
		if err := op.look(ctx); err != nil {
			return err
		}
	}
	return op.removeSurplus(ctx)
}

// ref is where the documents are.
func (op *operation) ref() target.Ref {
	if len(op.have) == 0 {
		return target.Ref{}
	}
	ref := op.Place(op.key)
	if _, ok := op.have[op.component]; ok {
		ref.ID = op.component
	}
	ref.Digest, ref.Parts = op.have.digest(op.cfg), op.have.String()
	return ref
}
