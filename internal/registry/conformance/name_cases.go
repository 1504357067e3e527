package conformance

import (
	"strings"

	"odasync/internal/component"
	"odasync/internal/target"
)

// nameCases are about names at the limits of a registry.
func nameCases() []Case {
	return []Case{
		{Name: "special-characters", Shows: "dots, spaces, slashes, quotes and Unicode in names and values arrive as they are", run: specialCharacters},
		{Name: "longest-names", Shows: "the longest names are taken, and a longer one is rejected where the registry has a limit", run: longestNames},
		{Name: "same-names", Shows: "APIs of one name in several segments stay apart", run: sameNames},
	}
}

func specialCharacters(s *scenario) {
	for _, test := range []struct{ component, api string }{
		{"dots.in.the.name", "v4.1"},
		{"spaces", "product catalog"},
		{"percent", "100%2F&a=b?c#d"},
		{"slashes", "/product/catalog/"},
		{"quotes", `"it's" \ <b>`},
		{"unicode", "Prodükt-Katalog-产品目录-😀"},
	} {
		on := s.subject(test.component, test.api, "offers")
		on.want.Metadata.Version = s.own(test.api)
		s.applied(on)
		s.wantFree(on)
		on.want.ExposedAPIs[0].Ready = false
		s.applied(on)
		s.wantFree(on)
		s.delete(s.writer, on)
	}
}

func longestNames(s *scenario) {
	limits := s.outsider.Limits()
	long := func(length int) *subject {
		on := s.subject(strings.Repeat("n", length))
		on.addAPI(s.own(strings.Repeat("a", limits.API-len(s.own("")))))
		return on
	}
	on := long(limits.Name)
	s.applied(on)
	s.wantFree(on)
	s.delete(s.writer, on)
	if limits.Enforced {
		on := long(limits.Name + 1)
		_, err := s.writer.Apply(s.ctx, on.key, on.want, target.Previous{})
		s.wantClass(err, target.ClassInvalid)
		s.wantNothing(on.key.Name)
	}
}

func sameNames(s *scenario) {
	on := s.subject("same-names", "offers", "offers", "offers")
	for i, segment := range component.Segments() {
		on.want.ExposedAPIs[i].Segment = segment
	}
	s.applied(on)
	s.wantFree(on)
	on.dropAPI(1)
	s.applied(on)
	s.wantFree(on)
}
