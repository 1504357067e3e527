package tmf639

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

const defaultLimit = 100

// page is what a listing asks for.
type page struct {
	offset, limit int64
	short         bool
	filter        string
}

func parsePage(query url.Values) (page, *failure) {
	p := page{short: isShort(query), filter: last(query, "filter")}
	var problems []any
	overflow := false
	integer := func(name string, otherwise int64) int64 {
		if !query.Has(name) {
			return otherwise
		}
		given := last(query, name)
		n, err := strconv.ParseInt(strings.TrimSpace(given), 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange):
			overflow = true
		case err != nil:
			problems = append(problems,
				problem("int_parsing", "Input should be a valid integer, unable to parse string as an integer", given, "query", name))
		}
		return n
	}
	p.offset = integer("offset", 0)
	p.limit = integer("limit", defaultLimit)
	switch {
	case len(problems) > 0:
		return p, invalid(problems...)
	case overflow:
		return p, uncaught() // the database has 64 bits
	}
	return p, nil
}

// isShort reports whether a query asks for the short form. Any other value of
// fields is ignored.
func isShort(query url.Values) bool { return last(query, "fields") == "resourceVersion" }

// last returns the last of a repeated parameter.
func last(query url.Values, name string) string {
	values := query[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// cut pages a list. A negative limit is none, and a negative offset is 0.
func cut[T any](items []T, offset, limit int64) []T {
	items = items[min(max(offset, 0), int64(len(items))):]
	if limit >= 0 {
		items = items[:min(limit, int64(len(items)))]
	}
	return items
}
