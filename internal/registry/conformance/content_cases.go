package conformance

import (
	"fmt"

	"odasync/internal/component"
)

// contentCases are about the content of one entry.
func contentCases() []Case {
	return []Case{
		{Name: "create", Shows: "components with 0 to 3 APIs in every state are created", run: create},
		{Name: "repeat", Shows: "a repeat writes nothing", run: func(s *scenario) {
			on := s.subject("repeat", "offers", "products")
			s.applied(on)
			s.wantFree(on)
		}},
		{Name: "update-api", Shows: "a changed API is written with one request", run: updateAPI},
		{Name: "update-component", Shows: "changed metadata and states are written", run: updateComponent},
		{Name: "add-api", Shows: "new APIs are added and the others stay", run: func(s *scenario) {
			on := s.subject("add-api", "offers")
			s.applied(on)
			for _, name := range []string{"products", "catalogs"} {
				on.addAPI(s.own(name))
				s.applied(on)
			}
			s.wantFree(on)
		}},
		{Name: "drop-api", Shows: "dropped APIs are deleted, the last one too", run: func(s *scenario) {
			on := s.subject("drop-api", "offers", "products", "catalogs")
			s.applied(on)
			for _, number := range []int{1, 0, 0} {
				on.dropAPI(number)
				s.applied(on)
			}
			s.wantFree(on)
		}},
		{Name: "delete", Shows: "a component is deleted with its APIs, and a second deletion is free", run: func(s *scenario) {
			on := s.subject("delete", "offers", "products")
			s.applied(on)
			s.delete(s.writer, on)
			s.wantWrites("a second deletion", s.delete(s.writer, on), 0)
			s.wantWrites("a second deletion by another replica", s.delete(s.other, on), 0)
			s.applied(on)
			s.wantFree(on)
		}},
	}
}

func create(s *scenario) {
	for _, state := range []struct {
		name   string
		change func(*component.Component)
	}{
		{"ready", func(*component.Component) {}},
		{"in-progress", func(c *component.Component) { c.DeploymentStatus = "In-Progress-CompCon" }},
		{"bare", func(c *component.Component) {
			c.Metadata, c.Labels, c.DeploymentStatus, c.Created = component.Metadata{}, nil, "", ""
		}},
		{"pending", func(c *component.Component) {
			for i := range c.ExposedAPIs {
				c.ExposedAPIs[i].Ready = false
			}
		}},
	} {
		for apis := range 4 {
			on := s.subject(fmt.Sprintf("create-%s-%d", state.name, apis), []string{"offers", "products", "catalogs"}[:apis]...)
			state.change(on.want)
			s.applied(on)
			s.wantFree(on)
		}
	}
}

func updateAPI(s *scenario) {
	on := s.subject("update-api", "offers", "products")
	s.applied(on)
	for _, change := range []struct {
		what string
		do   func(*component.ExposedAPI)
	}{
		{"a changed state", func(a *component.ExposedAPI) { a.Ready = false }},
		{"a changed URL", func(a *component.ExposedAPI) { a.URL += "/moved" }},
		{"a changed specification", func(a *component.ExposedAPI) {
			a.Specifications = []component.Specification{{URL: "https://specs.example.org/TMF633.json", Version: "v4"}}
		}},
		{"a specification less", func(a *component.ExposedAPI) { a.Specifications = nil }},
	} {
		change.do(&on.want.ExposedAPIs[1])
		s.wantWrites(change.what, s.applied(on), 1)
		s.wantFree(on)
	}
}

func updateComponent(s *scenario) {
	on := s.subject("update-component", "offers", "products")
	s.applied(on)
	for _, change := range []func(*component.Component){
		func(c *component.Component) { c.Metadata.Version = s.own("1.0.1") },
		func(c *component.Component) { c.Metadata.FunctionalBlock = "" },
		func(c *component.Component) { c.DeploymentStatus = "In-Progress-CompCon" },
		func(c *component.Component) { c.Labels = map[string]string{"team": s.own("blue")} },
	} {
		change(on.want)
		s.applied(on)
		s.wantFree(on)
	}
}
