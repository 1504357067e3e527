package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"slices"
)

// Digest is a hash over parts in any order: the sum of the parts' hashes. The parts of an entry can be added as the pages
// of the registry bring them, so that none has to be kept. The zero Digest is that of no parts.
type Digest [2]uint64

// DigestOf hashes one part. The length of each field is part of the hash, so that no two parts are alike.
func DigestOf(fields ...string) Digest {
	var space [512]byte
	text := space[:0]
	for _, field := range fields {
		text = binary.AppendUvarint(text, uint64(len(field)))
		text = append(text, field...)
	}
	hash := sha256.Sum256(text)
	return Digest{binary.BigEndian.Uint64(hash[:8]), binary.BigEndian.Uint64(hash[8:16])}
}

// Plus adds parts.
func (d Digest) Plus(other Digest) Digest {
	low, carry := bits.Add64(d[0], other[0], 0)
	high, _ := bits.Add64(d[1], other[1], carry)
	return Digest{low, high}
}

// String returns the digest as the sync state stores it.
func (d Digest) String() string {
	var text [16]byte
	binary.BigEndian.PutUint64(text[:8], d[1])
	binary.BigEndian.PutUint64(text[8:], d[0])
	return hex.EncodeToString(text[:])
}

// Digest is the configuration's part of every entry's digest. A change of the configuration that asks for other entries
// thereby makes every entry differ from its recorded digest.
func (c Config) Digest() Digest {
	fields := []string{"config", c.NameFormat}
	for _, segment := range slices.Sorted(slices.Values(c.Segments)) {
		fields = append(fields, string(segment))
	}
	return DigestOf(fields...)
}
