package component

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Canonical returns the component's canonical JSON: APIs sorted by segment and name, map keys sorted. Equal content
// has equal bytes. The receiver's APIs are sorted in place.
func (c *Component) Canonical() []byte {
	slices.SortStableFunc(c.ExposedAPIs, func(a, b ExposedAPI) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Segments(), a.Segment), slices.Index(Segments(), b.Segment)),
			cmp.Compare(a.Name, b.Name),
		)
	})
	body, err := json.Marshal(c)
	if err != nil { // strings, bools, slices and string maps always encode
		panic("component: encode " + c.Namespace + "/" + c.Name + ": " + err.Error())
	}
	return body
}

// Hash returns the hex SHA-256 of canonical bytes (64 characters).
func Hash(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
