package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// Case is one behaviour.
type Case struct {
	Name string
	// Shows is the behaviour in a sentence.
	Shows string
	// api is the API that has the behaviour; empty for every one.
	api string
	// large means that the case writes more than a page of entries.
	large bool
	run   func(*scenario)
}

// Cases returns the cases of an API in the order in which they run, the large ones only on request.
func Cases(api string, large bool) []Case {
	return slices.DeleteFunc(allCases(), func(c Case) bool {
		return c.api != "" && c.api != api || c.large && !large
	})
}

// Select returns the cases of the given names; of no name, all.
func Select(cases []Case, names ...string) ([]Case, error) {
	for _, name := range names {
		if !slices.ContainsFunc(cases, func(c Case) bool { return c.Name == name }) {
			known := make([]string, len(cases))
			for i, c := range cases {
				known[i] = c.Name
			}
			return nil, fmt.Errorf("no case %q for this registry: choose from %s", name, strings.Join(known, ", "))
		}
	}
	if len(names) == 0 {
		return cases, nil
	}
	return slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return !slices.Contains(names, c.Name) }), nil
}

func allCases() []Case {
	return slices.Concat(contentCases(), moveCases(), nameCases(), ownerCases(), tmf639Cases(), crashCases(), concurrencyCases(), inventoryCases())
}
