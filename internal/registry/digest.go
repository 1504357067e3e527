package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"slices"
)

// sum is a hash of parts in whatever order they come: the sum of the parts' hashes. So an entry's parts can be added up as
// the registry's pages bring them, and nothing of them has to be kept.
type Digest [2]uint64

func (s Digest) Plus(other Digest) Digest {
	low, carry := bits.Add64(s[0], other[0], 0)
	high, _ := bits.Add64(s[1], other[1], carry)
	return Digest{low, high}
}

// String is the digest as the sync state keeps it.
func (s Digest) String() string {
	var text [16]byte
	binary.BigEndian.PutUint64(text[:8], s[1])
	binary.BigEndian.PutUint64(text[8:], s[0])
	return hex.EncodeToString(text[:])
}

// sumOf hashes one part. Each word is written with its length, so that no two parts look alike.
func DigestOf(words ...string) Digest {
	var space [512]byte
	text := space[:0]
	for _, word := range words {
		text = binary.AppendUvarint(text, uint64(len(word)))
		text = append(text, word...)
	}
	hash := sha256.Sum256(text)
	return Digest{binary.BigEndian.Uint64(hash[:8]), binary.BigEndian.Uint64(hash[8:16])}
}

// sum is the configuration's part of every digest.
func (c Config) Digest() Digest {
	words := []string{"config", c.NameFormat}
	for _, segment := range slices.Sorted(slices.Values(c.Segments)) {
		words = append(words, string(segment))
	}
	return DigestOf(words...)
}
