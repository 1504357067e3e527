package registry

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// pageSize is the most that the registry gives at once; it gives 100 when not asked.
const pageSize = 1000

// listTries is how often a collection that changes while it is read is read again from its start.
const listTries = 3

// list reads a whole collection. The registry pages by position and keeps no order, so a row that leaves while the pages
// are read shifts the others past the reader unseen. Each page therefore begins with the last row of the page before:
// where another row stands there, the rows have moved, and the reading starts again. Steady is false when they moved
// each time; rows may then be missing. No row comes twice.
func list[T any](ctx context.Context, s *session, endpoint string, query url.Values, id func(T) int64) (rows []T, steady bool, err error) {
	for range listTries {
		rows, steady, err = listOnce(ctx, s, endpoint, query, id)
		if err != nil || steady {
			return rows, steady, err
		}
	}
	return rows, false, nil
}

func listOnce[T any](ctx context.Context, s *session, endpoint string, query url.Values, id func(T) int64) (rows []T, steady bool, err error) {
	steady = true
	seen := map[int64]bool{}
	params := url.Values{"limit": {strconv.Itoa(pageSize)}}
	maps.Copy(params, query)
	var last int64
	for skip := 0; ; {
		params.Set("skip", strconv.Itoa(skip))
		var page []T
		if err := s.do(ctx, request{method: http.MethodGet, endpoint: endpoint, query: params}, &page); err != nil {
			return nil, false, err
		}
		if skip > 0 && (len(page) == 0 || id(page[0]) != last) {
			steady = false
		}
		for _, row := range page {
			if !seen[id(row)] {
				seen[id(row)] = true
				rows = append(rows, row)
			}
		}
		if len(page) < pageSize {
			return rows, steady, nil
		}
		last = id(page[len(page)-1])
		skip += len(page) - 1
	}
}
