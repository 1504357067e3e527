package tmf639

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/target"
)

// isGone reports that the registry has no document of the request's id.
func isGone(err error) bool { return registry.HasStatus(err, http.StatusNotFound) }

// apply writes what differs. Only a POST sets the link of an API, and only a Component that exists can be linked to: the
// order of the requests keeps an interruption between any two of them from leaving a wrong link under marks that look right.
func (op *operation) apply(ctx context.Context) error {
	if op.inDoubt || op.verify {
		if err := op.look(ctx); err != nil {
			return err
		}
	}
	if err := op.removeSurplus(ctx); err != nil {
		return err
	}
	if version, listed := op.listed[op.component]; listed {
		if _, marked := document.ParseMark(version); !marked {
			return op.relink(ctx)
		}
	}
	if err := op.putComponent(ctx); err != nil {
		return err
	}
	return op.putAPIs(ctx, false)
}

// relink handles a Component whose document another program has written over, perhaps after it had deleted it: the links of
// the APIs may lead to nothing. The mark is written last, because it ends the suspicion.
func (op *operation) relink(ctx context.Context) error {
	if _, mine := op.have[op.component]; !mine {
		if err := op.claim(ctx, &op.want[0]); err != nil {
			return err
		}
		op.have[op.component] = ""
	}
	rejection := op.putAPIs(ctx, true)
	if rejection != nil && !target.ClassOf(rejection).Permanent() {
		return rejection
	}
	if err := op.putComponent(ctx); err != nil {
		return err
	}
	return rejection
}

func (op *operation) putComponent(ctx context.Context) error {
	d := &op.want[0]
	if _, mine := op.have[d.ID]; mine {
		if err := op.update(ctx, d, false); !isGone(err) {
			return err
		}
	}
	if _, listed := op.listed[d.ID]; !listed { // the links of all APIs lead to nothing
		apis := slices.Sorted(maps.Keys(op.have))
		if err := op.removeAll(ctx, apis); err != nil {
			return err
		}
	}
	return op.create(ctx, d)
}

// putAPIs writes the APIs that differ, or all of them. An API that the registry rejects does not keep the others from being
// written; its failure is the result.
func (op *operation) putAPIs(ctx context.Context, all bool) error {
	var rejection error
	for i := range op.want[1:] {
		d := &op.want[1+i]
		err := op.putAPI(ctx, d, all)
		switch {
		case err == nil:
		case !target.ClassOf(err).Permanent():
			return err
		case rejection == nil:
			rejection = registry.About(err, "API "+d.Name)
		}
	}
	return rejection
}

func (op *operation) putAPI(ctx context.Context, d *document.Document, always bool) error {
	if _, mine := op.have[d.ID]; mine {
		if err := op.update(ctx, d, always); !isGone(err) {
			return err
		}
	}
	return op.create(ctx, d)
}

// update writes a document of the component's unless it is known to be right.
func (op *operation) update(ctx context.Context, d *document.Document, always bool) error {
	switch {
	case always:
	case op.have[d.ID] == d.Digest:
		return nil
	case op.suspect[d.ID] == d.Digest:
		actual, err := op.listing.find(ctx, op.Session, d.ID)
		if err != nil {
			return err
		}
		if m, marked := actual.Mark(); marked && m.Key == op.key && m.Digest == d.Digest && d.Linked(actual) {
			op.have[d.ID] = d.Digest
			return nil
		}
	}
	return op.patch(ctx, d)
}

// create posts a document. Where one of its id exists already, it is replaced if it is the component's.
func (op *operation) create(ctx context.Context, d *document.Document) error {
	_, exists := op.listed[d.ID]
	var err error
	for range maxAttempts {
		if !exists {
			if err = op.post(ctx, d); !registry.IsConflict(err) {
				return err
			}
		}
		if err = op.claim(ctx, d); err != nil {
			return err
		}
		if err = op.patch(ctx, d); !isGone(err) {
			return err
		}
		exists = false
	}
	return err
}

func (op *operation) post(ctx context.Context, d *document.Document) error {
	err := op.Do(ctx, post(d), nil)
	if err != nil {
		return err
	}
	op.wrote(d)
	op.created = op.created || d.ID == op.component
	return nil
}

// patch replaces a document. The answer shows the link, which only a new document can have set right.
func (op *operation) patch(ctx context.Context, d *document.Document) error {
	op.have[d.ID] = ""
	delete(op.suspect, d.ID)
	var actual document.Stored
	switch err := op.Do(ctx, patch(d), &actual); {
	case isGone(err):
		op.listing.removed(d.ID)
		delete(op.have, d.ID)
		delete(op.listed, d.ID)
		return err
	case err != nil:
		return err
	case d.Linked(actual):
		op.wrote(d)
		return nil
	}
	if err := op.remove(ctx, d.ID); err != nil {
		return err
	}
	return op.post(ctx, d)
}

// wrote notes that the registry has the document as it should be.
func (op *operation) wrote(d *document.Document) {
	op.have[d.ID] = d.Digest
	op.listing.wrote(d)
}
