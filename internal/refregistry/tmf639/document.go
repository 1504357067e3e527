package tmf639

import "odasync/internal/refregistry/tmf639/pyjson"

const relationships = "resourceRelationship"

// appendDocument writes a document as GET returns it: the stored members in
// their order, then id and href, and the links in the place of a stored
// resourceRelationship or else at the end.
func (r *row) appendDocument(dst []byte, base string) []byte {
	dst = append(dst, '{')
	linked := len(r.links) == 0
	for _, f := range r.fields {
		dst = append(pyjson.Append(dst, f.name), ':')
		if f.name == relationships && !linked {
			dst, linked = r.appendLinks(dst, base), true
		} else {
			dst = append(dst, f.raw...)
		}
		dst = append(dst, ',')
	}
	dst = pyjson.Append(append(dst, `"id":`...), r.id)
	dst = pyjson.Append(append(dst, `,"href":`...), href(base, r.id))
	if !linked {
		dst = r.appendLinks(append(dst, `,"`+relationships+`":`...), base)
	}
	return append(dst, '}')
}

func (r *row) appendLinks(dst []byte, base string) []byte {
	list := make([]any, len(r.links))
	for i, l := range r.links {
		resource := pyjson.Object{}.With("id", nil).With("href", href(base, "None"))
		if l.target != nil {
			resource = pyjson.Object{}.With("id", l.target.id).With("href", href(base, l.target.id))
			if kind, given := l.target.member("@type"); given {
				resource = resource.With("@type", kind)
			}
		}
		list[i] = pyjson.Object{}.With("@type", "ResourceRelationship").With("relationshipType", l.kind).With("resource", resource)
	}
	return pyjson.Append(dst, list)
}

// appendShort writes the form that fields=resourceVersion asks for, whose types
// are constants.
func (r *row) appendShort(dst []byte, base string) []byte {
	dst = pyjson.Append(append(dst, `{"id":`...), r.id)
	dst = pyjson.Append(append(dst, `,"resourceVersion":`...), r.version)
	dst = pyjson.Append(append(dst, `,"href":`...), href(base, r.id))
	return append(dst, `,"@type":"LogicalResource","@baseType":"Resource"}`...)
}

// member decodes a stored member.
func (r *row) member(name string) (any, bool) {
	for _, f := range r.fields {
		if f.name == name {
			v, _ := pyjson.Decode(f.raw) // the store encoded it
			return v, true
		}
	}
	return nil, false
}

func href(base, id string) string { return base + "/resource/" + id }
