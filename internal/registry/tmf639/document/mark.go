package document

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"odasync/internal/component"
	"odasync/internal/registry"
)

// digestLength is the length of a document's digest: 64 bits in base64url.
const digestLength = 11

// Mark is the resourceVersion of a document of odasync's: its owner, the component that it belongs to, and the digest of its
// content. The registry's short list has it of every document, so one cheap reading shows all three of all documents.
type Mark struct {
	Key    component.Key
	Digest string
}

// String returns odasync/<cluster>/<namespace>/<component>/<digest>.
func (m Mark) String() string { return OwnerMark(m.Key) + m.Digest }

// OwnerMark is the part of a mark before the digest.
func OwnerMark(key component.Key) string {
	return registry.ManagedBy(key.Cluster) + "/" + url.PathEscape(key.Namespace) + "/" + url.PathEscape(key.Name) + "/"
}

// ParseMark reads a resourceVersion. It goes from the right: the name of a cluster may contain slashes.
func ParseMark(version string) (m Mark, ok bool) {
	rest, ok := strings.CutPrefix(version, registry.ManagedBy(""))
	if !ok {
		return Mark{}, false
	}
	last := func() (part string) {
		if at := strings.LastIndexByte(rest, '/'); at >= 0 {
			rest, part = rest[:at], rest[at+1:]
		}
		return part
	}
	m.Digest = last()
	name, nameErr := url.PathUnescape(last())
	namespace, namespaceErr := url.PathUnescape(last())
	m.Key = component.Key{Cluster: rest, Namespace: namespace, Name: name}
	ok = nameErr == nil && namespaceErr == nil && len(m.Digest) == digestLength && rest != "" && namespace != "" && name != ""
	return m, ok
}

// seal completes a document with what its digest does not cover: the mark, and the addresses, which depend on the URL that
// the registry is reached by.
func (d *Document) seal(key component.Key, base string) {
	body, err := json.Marshal(d)
	if err != nil { // strings, and values that were checked
		panic("document: encode " + d.ID + ": " + err.Error())
	}
	hash := sha256.Sum256(body)
	d.Digest = base64.RawURLEncoding.EncodeToString(hash[:8])
	d.ResourceVersion = Mark{key, d.Digest}.String()
	for i := range d.Relationships {
		to := &d.Relationships[i].Resource
		to.Href = base + Path + "/" + to.ID
	}
}
