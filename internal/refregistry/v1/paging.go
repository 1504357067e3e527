package v1

// Paging as in v1: without a limit a list has 100 rows, and nothing in the
// answer says that there are more.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (c *call) parsePaging() []problem {
	var problems []problem
	number := func(name string, target *int, low, high int) {
		if !c.query.Has(name) {
			return
		}
		loc := []any{"query", name}
		n, ok := parseInteger(c.last(name))
		switch {
		case !ok:
			problems = append(problems, notInteger(loc))
		case n < int64(low):
			problems = append(problems, limited(loc, "ensure this value is greater than or equal to %d", "value_error.number.not_ge", low))
		case high > 0 && n > int64(high):
			problems = append(problems, limited(loc, "ensure this value is less than or equal to %d", "value_error.number.not_le", high))
		default:
			*target = int(n)
		}
	}
	number("skip", &c.skip, 0, 0)
	number("limit", &c.limit, 1, maxLimit)
	return problems
}

// last returns the last value of a query parameter, empty without one.
func (c *call) last(name string) string {
	values := c.query[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
