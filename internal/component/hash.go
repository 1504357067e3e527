package component

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Canonical returns the component's canonical JSON: APIs and dependencies sorted by segment and name, map keys sorted. Equal
// content has equal bytes, and decoding keeps the values of Metadata.Fields byte for byte. The receiver's APIs and dependencies
// are sorted in place.
func (c *Component) Canonical() []byte {
	slices.SortStableFunc(c.ExposedAPIs, func(a, b ExposedAPI) int {
		return cmp.Or(compareSegments(a.Segment, b.Segment), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(c.DependentAPIs, func(a, b DependentAPI) int {
		return cmp.Or(compareSegments(a.Segment, b.Segment), cmp.Compare(a.Name, b.Name))
	})
	body, err := marshal(c)
	if err != nil { // strings, bools, slices and string maps always encode, and the fields of the metadata are JSON
		panic("component: encode " + c.Namespace + "/" + c.Name + ": " + err.Error())
	}
	return body
}

func compareSegments(a, b Segment) int {
	return cmp.Compare(slices.Index(Segments(), a), slices.Index(Segments(), b))
}

// marshal is json.Marshal without the escapes for HTML, which would change the values of Metadata.Fields.
func marshal(value any) ([]byte, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), err
}

// Hash returns the hex SHA-256 of canonical bytes (64 characters).
func Hash(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
