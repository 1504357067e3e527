package tmf639

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

// mark is the resourceVersion of a document of odasync's: its owner, the component that it belongs to, and the digest of its
// content. The registry's short list has it of every document, so one cheap reading shows all three of all documents.
type mark struct {
	key    component.Key
	digest string
}

// String returns odasync/<cluster>/<namespace>/<component>/<digest>.
func (m mark) String() string { return ownerMark(m.key) + m.digest }

// ownerMark is the part of a mark before the digest.
func ownerMark(key component.Key) string {
	return registry.ManagedBy(key.Cluster) + "/" + url.PathEscape(key.Namespace) + "/" + url.PathEscape(key.Name) + "/"
}

// parseMark reads a resourceVersion. It goes from the right: the name of a cluster may contain slashes.
func parseMark(version string) (m mark, ok bool) {
	rest, ok := strings.CutPrefix(version, registry.ManagedBy(""))
	if !ok {
		return mark{}, false
	}
	last := func() (part string) {
		if at := strings.LastIndexByte(rest, '/'); at >= 0 {
			rest, part = rest[:at], rest[at+1:]
		}
		return part
	}
	m.digest = last()
	name, nameErr := url.PathUnescape(last())
	namespace, namespaceErr := url.PathUnescape(last())
	m.key = component.Key{Cluster: rest, Namespace: namespace, Name: name}
	ok = nameErr == nil && namespaceErr == nil && len(m.digest) == digestLength && rest != "" && namespace != "" && name != ""
	return m, ok
}

// seal completes a document with what its digest does not cover: the mark, and the addresses, which depend on the URL that
// the registry is reached by.
func (d *document) seal(key component.Key, base string) {
	body, err := json.Marshal(d)
	if err != nil { // strings, and values that were checked
		panic("tmf639: encode " + d.ID + ": " + err.Error())
	}
	hash := sha256.Sum256(body)
	d.digest = base64.RawURLEncoding.EncodeToString(hash[:8])
	d.ResourceVersion = mark{key, d.digest}.String()
	for i := range d.Relationships {
		to := &d.Relationships[i].Resource
		to.Href = base + pathResources + "/" + to.ID
	}
}
