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
type sum [2]uint64

func (s sum) plus(other sum) sum {
	low, carry := bits.Add64(s[0], other[0], 0)
	high, _ := bits.Add64(s[1], other[1], carry)
	return sum{low, high}
}

// String is the digest as the sync state keeps it.
func (s sum) String() string {
	var text [16]byte
	binary.BigEndian.PutUint64(text[:8], s[1])
	binary.BigEndian.PutUint64(text[8:], s[0])
	return hex.EncodeToString(text[:])
}

// sumOf hashes one part. Each word is written with its length, so that no two parts look alike.
func sumOf(words ...string) sum {
	var space [512]byte
	text := space[:0]
	for _, word := range words {
		text = binary.AppendUvarint(text, uint64(len(word)))
		text = append(text, word...)
	}
	hash := sha256.Sum256(text)
	return sum{binary.BigEndian.Uint64(hash[:8]), binary.BigEndian.Uint64(hash[8:16])}
}

// digest is the same for entries that show the same, in whatever order their labels and APIs stand. It is another one once
// the configuration asks for something else: every entry then differs from its record, and is looked at.
func (c Config) digest(e entry) string {
	total := c.sum().plus(sumComponent(e.name, e.labels.sum()))
	for _, a := range e.apis {
		total = total.plus(sumAPI(a.name, a.url, a.specification, a.status, a.labels.sum()))
	}
	return total.String()
}

// sum is the configuration's part of every digest.
func (c Config) sum() sum {
	words := []string{"config", c.NameFormat}
	for _, segment := range slices.Sorted(slices.Values(c.Segments)) {
		words = append(words, string(segment))
	}
	return sumOf(words...)
}

func sumComponent(name string, labels sum) sum { return sumOf("component", name, labels.String()) }

func sumAPI(name, url, specification, status string, labels sum) sum {
	return sumOf("api", name, url, specification, status, labels.String())
}

func (l labelSet) sum() (total sum) {
	for key, value := range l {
		total = total.plus(sumOf(key, value))
	}
	return total
}

// sumLabels sums up labels as they are read. One that is there twice counts once; of two values of one key both count, and
// no wanted set has such a sum.
func sumLabels(read []wireLabel) (total sum) {
	for i, label := range read {
		twice := slices.ContainsFunc(read[:i], func(l wireLabel) bool { return l.Key == label.Key && l.Value == label.Value })
		if !twice {
			total = total.plus(sumOf(label.Key, label.Value))
		}
	}
	return total
}
