package registry

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"odasync/internal/target"
)

// maxReadings bounds how often a collection that changes while it is read is read again from its start.
const maxReadings = 3

// Pages describes a collection that the registry returns in pages, by position.
type Pages[T any] struct {
	Path string
	// Query is the filter; empty for the whole collection.
	Query url.Values
	// Offset and Limit are the names of the paging parameters, Size is the number of rows that a page is asked for.
	Offset, Limit string
	Size          int
	// ID identifies a row within the collection: its number, or a hash of what identifies it.
	ID func(*T) int64
}

// Where returns the part of the collection that has the given values, in pairs of parameter and value.
func (p Pages[T]) Where(pairs ...string) Pages[T] {
	p.Query = url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		p.Query.Set(pairs[i], pairs[i+1])
	}
	return p
}

// Rows receives a collection while it is read. A row is only valid until Row returns, so a collection of any size takes
// the memory of one row.
type Rows[T any] struct {
	// Begin is called before each reading from the start: the rows of the reading before are void. It may be nil.
	Begin func()
	Row   func(*T)
}

// Read reads the collection and passes each row once to every receiver.
//
// A registry that pages by position keeps no order, so a row that is deleted between two pages shifts the others past the
// reader unseen. Each page therefore begins with the last row of the page before. Where another row is found there, the
// rows have moved, and the reading starts again. Steady is false when they moved in every reading: rows may be missing.
func (p Pages[T]) Read(ctx context.Context, s *Session, to ...Rows[T]) (steady bool, err error) {
	for range maxReadings {
		for _, each := range to {
			if each.Begin != nil {
				each.Begin()
			}
		}
		steady, err = p.readOnce(ctx, s, func(row *T) {
			for _, each := range to {
				each.Row(row)
			}
		})
		if err != nil || steady {
			return steady, err
		}
	}
	return false, nil
}

// Collect is Read for a collection that is small enough to be kept.
func (p Pages[T]) Collect(ctx context.Context, s *Session) (all []T, steady bool, err error) {
	steady, err = p.Read(ctx, s, Rows[T]{Begin: func() { all = nil }, Row: func(row *T) { all = append(all, *row) }})
	return all, steady, err
}

func (p Pages[T]) readOnce(ctx context.Context, s *Session, each func(*T)) (steady bool, err error) {
	steady = true
	seen := idSet{}
	params := url.Values{p.Limit: {strconv.Itoa(p.Size)}}
	maps.Copy(params, p.Query)
	var last int64
	for offset := 0; ; {
		params.Set(p.Offset, strconv.Itoa(offset))
		count, fresh, first, previous := 0, 0, int64(0), last
		err := s.Do(ctx, Request{Method: http.MethodGet, Path: p.Path, Query: params, Row: func(decoder *jsontext.Decoder) error {
			var row T
			if err := json.UnmarshalDecode(decoder, &row); err != nil {
				return err
			}
			last = p.ID(&row)
			if count++; count == 1 {
				first = last
			}
			if count > p.Size {
				return fmt.Errorf("more than the requested %d rows: the parameter %s is ignored", p.Size, p.Limit)
			}
			if seen.add(last) {
				fresh++
				each(&row)
			}
			return nil
		}}, nil)
		if err != nil {
			return false, err
		}
		if offset > 0 && count == p.Size && fresh == 0 {
			return false, &target.Failure{
				Class: target.ClassUnauthorized, Request: http.MethodGet + " " + p.Path,
				Detail: fmt.Sprintf("the registry ignores the parameter %s: rows %d to %d repeat earlier rows: check COMPONENT_REGISTRY_URL and any proxy before it",
					p.Offset, offset, offset+count-1),
			}
		}
		if offset > 0 && (count == 0 || first != previous) {
			steady = false
		}
		if count < p.Size {
			return steady, nil
		}
		offset += count - 1
	}
}

// idSet is a set of ids, compact where the registry assigns them in sequence.
type idSet map[int64]uint64

// add reports whether the id is new.
func (s idSet) add(id int64) bool {
	word, bit := id>>6, uint64(1)<<(id&63)
	if s[word]&bit != 0 {
		return false
	}
	s[word] |= bit
	return true
}
