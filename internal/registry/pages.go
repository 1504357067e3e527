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

// pageSize is the most that the registry gives at once; it gives 100 when not asked.
const PageSize = 1000

// listTries is how often a collection that changes while it is read is read again from its start.
const listTries = 3

// rows receives a collection while it is read. A row is not kept once row has returned, so a collection of any size takes
// the memory of one row.
type Rows[T any] struct {
	// begin is called before each reading from the start: what came before is void.
	Begin func()
	Row   func(*T)
}

// list reads a whole collection. The registry pages by position and keeps no order, so a row that leaves while the pages
// are read shifts the others past the reader unseen. Each page therefore begins with the last row of the page before:
// where another row stands there, the rows have moved, and the reading starts again. Steady is false when they moved
// each time; rows may then be missing. No row comes twice.
func List[T any](ctx context.Context, s *Session, endpoint string, query url.Values, id func(*T) int64, to ...Rows[T]) (steady bool, err error) {
	for range listTries {
		for _, each := range to {
			each.Begin()
		}
		steady, err = listOnce(ctx, s, endpoint, query, id, func(row *T) {
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

// collect is list for a collection, or a part of one, that is small enough to be kept.
func Collect[T any](ctx context.Context, s *Session, endpoint string, query url.Values, id func(*T) int64) (all []T, steady bool, err error) {
	steady, err = List(ctx, s, endpoint, query, id, Rows[T]{Begin: func() { all = nil }, Row: func(row *T) { all = append(all, *row) }})
	return all, steady, err
}

func listOnce[T any](ctx context.Context, s *Session, endpoint string, query url.Values, id func(*T) int64, each func(*T)) (steady bool, err error) {
	steady = true
	seen := idSet{}
	params := url.Values{"limit": {strconv.Itoa(PageSize)}}
	maps.Copy(params, query)
	var last int64
	for skip := 0; ; {
		params.Set("skip", strconv.Itoa(skip))
		count, fresh, first, previous := 0, 0, int64(0), last
		err := s.Do(ctx, Request{Method: http.MethodGet, Path: endpoint, Query: params, Row: func(decoder *jsontext.Decoder) error {
			var row T
			if err := json.UnmarshalDecode(decoder, &row); err != nil {
				return err
			}
			last = id(&row)
			if count++; count == 1 {
				first = last
			}
			if count > PageSize {
				return fmt.Errorf("more than the %d rows that were asked for: the parameter limit is ignored", PageSize)
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
		if skip > 0 && count == PageSize && fresh == 0 {
			return false, &target.Failure{
				Class: target.ClassUnauthorized, Request: http.MethodGet + " " + endpoint,
				Detail: fmt.Sprintf("the registry ignores the parameter skip: rows %d to %d are rows that came before: check COMPONENT_REGISTRY_URL and any proxy before it", skip, skip+count-1),
			}
		}
		if skip > 0 && (count == 0 || first != previous) {
			steady = false
		}
		if count < PageSize {
			return steady, nil
		}
		skip += count - 1
	}
}

// idSet is a set of ids, which a registry hands out one after the other.
type idSet map[int64]uint64

// add says whether the id is new.
func (s idSet) add(id int64) bool {
	word, bit := id>>6, uint64(1)<<(id&63)
	if s[word]&bit != 0 {
		return false
	}
	s[word] |= bit
	return true
}
