package tmf639

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"odasync/internal/component"
	"odasync/internal/registry"
	"odasync/internal/registry/tmf639/document"
	"odasync/internal/target"
)

// ownership is the relation of a document to a component.
type ownership int

const (
	// ours: odasync wrote it for this component.
	ours ownership = iota
	// unclaimed: the registry made it itself, for a link.
	unclaimed
	// collected: the Canvas's own collector wrote it, for this component.
	collected
	// foreign: it belongs to another component, another cluster, another program or a person.
	foreign
)

// ownerOf derives the owner of a document from its content. The desired document of the same id tells what the Canvas's own
// collector would have written.
func ownerOf(key component.Key, want *document.Document, actual document.Stored) ownership {
	m, marked := actual.Mark()
	switch {
	case marked && m.Key == key:
		return ours
	case marked:
		return foreign
	case actual.IsStub():
		return unclaimed
	case actual.Text("category") == want.Category && actual.Text("name") == want.Name && actual.Characteristic("namespace") == key.Namespace:
		return collected
	}
	return foreign
}

// claim decides about a document that exists under the id of a desired one. It returns nil where it is the component's to
// write, and a name conflict where it is not.
func (op *operation) claim(ctx context.Context, want *document.Document) error {
	var version string
	err := op.listing.view(ctx, op.Session, false, func(rows map[string]row) { version = rows[want.ID].version })
	if err != nil {
		return err
	}
	if m, marked := document.ParseMark(version); marked { // no need to read the document
		if m.Key == op.key {
			return nil
		}
		return nameConflict(op.key, want, document.OfVersion(version))
	}
	actual, err := op.listing.find(ctx, op.Session, want.ID)
	if err != nil || actual == nil { // it has vanished
		return err
	}
	switch owner := ownerOf(op.key, want, actual); {
	case owner == foreign, owner == collected && !op.cfg.Adopt:
		return nameConflict(op.key, want, actual)
	case owner == collected:
		op.adopted++
	}
	return nil
}

// nameConflict is the refusal to write over another owner's document.
func nameConflict(key component.Key, want *document.Document, holder document.Stored) *target.Failure {
	f := &target.Failure{Class: target.ClassNameConflict, Request: http.MethodPatch + " " + pathResource}
	m, marked := holder.Mark()
	namespace := holder.Characteristic("namespace")
	switch {
	case marked:
		f.Detail = fmt.Sprintf("the document %q belongs to %s, so that of %s cannot be written: "+
			"set COMPONENT_NAME_FORMAT=%s to keep namespaces apart, or another COMPONENT_REGISTRY_ID_PREFIX, such as {cluster}, for a second cluster",
			want.ID, m.Key, key, registry.FormatNamespaceName)
	case ownerOf(key, want, holder) == collected:
		f.Detail = fmt.Sprintf("the document %q of %s was written by the Canvas's own collector: "+
			"set COMPONENT_REGISTRY_ADOPT=true to take it over, or another COMPONENT_REGISTRY_ID_PREFIX to write beside it", want.ID, key)
	case namespace != "" && namespace != key.Namespace:
		f.Detail = fmt.Sprintf("the document %q belongs to the namespace %q, so that of %s cannot be written: "+
			"set COMPONENT_NAME_FORMAT=%s to keep namespaces apart", want.ID, namespace, key, registry.FormatNamespaceName)
	default:
		f.Detail = fmt.Sprintf("another program or a person wrote the document %q (category %q, name %q), so that of %s cannot be written: "+
			"delete it, or set another COMPONENT_REGISTRY_ID_PREFIX",
			want.ID, cmp.Or(holder.Text("category"), "none"), cmp.Or(holder.Text("name"), "none"), key)
	}
	f.Detail = registry.Clean(f.Detail)
	return f
}
