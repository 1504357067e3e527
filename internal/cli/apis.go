package cli

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/specification"
)

// API is one API of a component as `ctl apis` and `ctl describe` print it. The shape is stable; see docs/api.md.
type API struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Component string `json:"component"`
	Name      string `json:"name"`
	// Specification is the name of the TM Forum Open API, such as TMF620; empty for another API.
	Specification string `json:"specification"`
	// Version is the major version, such as v4; empty where it is unknown.
	Version string            `json:"version"`
	Segment component.Segment `json:"segment"`
	Type    string            `json:"type"`
	// State is ready or pending: whether the Canvas reports it as ready, with an address.
	State string `json:"state"`
	URL   string `json:"url"`
	// DeveloperUI is the address of the API's documentation for developers; empty for none.
	DeveloperUI    string   `json:"developerUI"`
	Specifications []string `json:"specifications"` // addresses of the documents
}

// The values of API.State.
const (
	apiReady   = "ready"
	apiPending = "pending"
)

func apisCommand() *cli.Command {
	return &cli.Command{
		Name:      "apis",
		Usage:     "find APIs over all components",
		ArgsUsage: "[QUERY...]",
		Description: "Lists every API that a component exposes, with its specification, its component, whether it is ready, and its address.\n\n" +
			"QUERY is one or more words that the API must have: a specification such as TMF620, a version such as v4, a host, a path, or\n" +
			"a part of a name. Upper and lower case are the same.\n\n" +
			"Exit code 1: QUERY finds nothing.\n\n" +
			"Examples:\n" +
			"  ctl apis TMF620\n" +
			"  ctl apis tmf620 v4 --state ready -o json\n" +
			"  ctl apis api.example.org/catalog",
		Flags: []cli.Flag{
			namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all"),
			selectorFlag(),
			&cli.StringFlag{Name: "state", Usage: "only APIs in this `STATE`: ready or pending", Action: func(_ *cli.Context, state string) error {
				if state != apiReady && state != apiPending {
					return fmt.Errorf("--state is %q: %s or %s", state, apiReady, apiPending)
				}
				return nil
			}},
			outputFlag("table", "wide", "json", "yaml", "name"),
			clusterFlag(),
			timeoutFlag(10 * time.Second),
		},
		Action: apisAction,
	}
}

func apisAction(c *cli.Context) error {
	scope, err := selectedNamespaces(c)
	if err != nil {
		return err
	}
	selector, err := selectedLabels(c)
	if err != nil {
		return err
	}
	ctx, s, end, err := beginStream(c)
	if err != nil {
		return err
	}
	defer end()
	selects := func(e event.Event) bool {
		return scope.Contains(e.Key.Namespace) && (selector.Empty() || has(selector, e.Component))
	}
	all := 0
	found := []API{}
	matches := apiQuery(c.Args().Slice())
	components, malformed, err := s.apis(ctx, event.Subjects(s.cluster, scope.Namespace(), ""), selects, func(a API) {
		all++
		if (c.String("state") == "" || c.String("state") == a.State) && matches(&a) {
			found = append(found, a)
		}
	})
	if err != nil {
		return err
	}
	for _, problem := range malformed {
		note(c, "warning: %v: the watcher replaces it at its next start", problem)
	}
	none := "no APIs"
	if all > 0 {
		none = fmt.Sprintf("none of %d APIs has that", all)
	}
	if err := printAPIs(c, found, none); err != nil {
		return err
	}
	if components == 0 {
		err = s.warnEmpty(ctx, c, scope)
	}
	if err == nil && len(found) == 0 && (c.Args().Present() || c.IsSet("state")) {
		return errNegative
	}
	return err
}

// apis calls each with every API of the selected components among those that the filter matches, sorted by component, segment and
// name, and returns the number of components and the errors of events that cannot be decoded.
func (s *session) apis(ctx context.Context, filter string, selects func(event.Event) bool, each func(API)) (components int, malformed []error, err error) {
	newest := map[component.Key]event.Event{} // a key may come again
	err = s.log.NewestOfEach(ctx, filter, func(e event.Event, err error) {
		if selects(e) {
			newest[e.Key] = e
			if err != nil {
				malformed = append(malformed, err)
			}
		}
	})
	keys := make([]component.Key, 0, len(newest))
	for key := range newest {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, component.Key.Compare)
	for _, key := range keys {
		if newest[key].Component != nil {
			components++
		}
		for _, a := range apisOf(newest[key]) {
			each(a)
		}
	}
	return components, malformed, err
}

// apisOf returns the APIs that a component exposes; none of a deleted one.
func apisOf(e event.Event) []API {
	all := []API{}
	if e.Component == nil {
		return all
	}
	for _, exposed := range e.Component.ExposedAPIs {
		a := API{
			Cluster: e.Key.Cluster, Namespace: e.Key.Namespace, Component: e.Key.Name, Name: exposed.Name, Version: exposed.Version, Segment: exposed.Segment,
			Type: exposed.Type, State: apiPending, URL: exposed.URL, DeveloperUI: exposed.DeveloperUI, Specifications: []string{},
		}
		if exposed.Ready {
			a.State = apiReady
		}
		for _, s := range exposed.Specifications {
			a.Version = cmp.Or(a.Version, specification.Major(s.Version))
			if s.URL != "" {
				a.Specifications = append(a.Specifications, s.URL)
			}
		}
		a.Specification = specification.Name(append(slices.Clone(a.Specifications), exposed.Entry)...)
		all = append(all, a)
	}
	return all
}

var versionWord = regexp.MustCompile(`^v[0-9]+$`)

// apiQuery returns whether an API has all words of a query.
func apiQuery(args []string) func(*API) bool {
	words := strings.Fields(strings.ToLower(strings.Join(args, " ")))
	return func(a *API) bool {
		text := strings.ToLower(strings.Join(append([]string{
			a.Specification, a.Name, a.Namespace + "/" + a.Component, string(a.Segment), a.Type, a.URL, a.DeveloperUI,
		}, a.Specifications...), "\n"))
		for _, word := range words {
			if versionWord.MatchString(word) && a.Version != "" { // v1 is not v10, nor the version of something else in a path
				if !strings.EqualFold(a.Version, word) {
					return false
				}
				continue
			}
			if !strings.Contains(text, word) {
				return false
			}
		}
		return true
	}
}

func printAPIs(c *cli.Context, found []API, none string) error {
	name := func(a API) string { return a.Namespace + "/" + a.Component + "/" + a.Name }
	if done, err := printList(c, found, none, name); done {
		return err
	}
	header := []string{"SPECIFICATION", "API", "NAMESPACE", "COMPONENT", "STATE", "ADDRESS"}
	if c.String("output") == "wide" {
		header = append(header, "SEGMENT", "TYPE", "DOCUMENT")
	}
	rows := make([][]string, len(found))
	for n, a := range found {
		rows[n] = []string{a.standard(), a.Name, a.Namespace, a.Component, a.State, dash(a.URL)}
		if c.String("output") == "wide" {
			rows[n] = append(rows[n], string(a.Segment), dash(a.Type), dash(strings.Join(a.Specifications, ", ")))
		}
	}
	return table(c, header, rows)
}

// standard is the SPECIFICATION column: name and version, such as TMF620 v4.
func (a *API) standard() string { return dash(strings.TrimSpace(a.Specification + " " + a.Version)) }
