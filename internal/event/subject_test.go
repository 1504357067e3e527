package event_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
)

// legal is what nats.go allows in a KV key, which is stricter than what a server allows in a subject.
var legal = regexp.MustCompile(`^[-/_=.a-zA-Z0-9]+$`)

func anyKey(t *rapid.T, label string) component.Key {
	part := rapid.OneOf(
		rapid.StringMatching(`[a-z0-9]([-.a-z0-9]{0,20}[a-z0-9])?`),
		rapid.StringMatching(`[=0-9A-F.*> ]{0,6}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
	)
	return component.Key{
		Cluster:   part.Draw(t, label+" cluster"),
		Namespace: part.Draw(t, label+" namespace"),
		Name:      part.Draw(t, label+" name"),
	}
}

func TestTokens_OfAnyKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, other := anyKey(t, "key"), anyKey(t, "other")
		tokens := event.Tokens(key)
		if !legal.MatchString(tokens) {
			t.Fatalf("%q is not legal in a KV key", tokens)
		}
		for part := range strings.SplitSeq(tokens, ".") {
			if part == "" {
				t.Fatalf("%q has an empty token", tokens)
			}
		}
		if (tokens == event.Tokens(other)) != (key == other) {
			t.Fatalf("%q and %q share tokens %s", key, other, tokens)
		}
		back, err := event.ParseTokens(tokens)
		testcheck.NoError(t, err)
		testcheck.MustEqual(t, "key, read from "+tokens, key, back)
		if back, err = event.ParseSubject(event.Subject(key)); err != nil || back != key {
			t.Fatalf("subject %s reads as %q, %v", event.Subject(key), back, err)
		}
	})
}

func TestSubjects(t *testing.T) {
	tests := map[string]struct{ got, want string }{
		"plain":            {event.Subject(component.Key{Cluster: "default", Namespace: "components", Name: "a_b-C9"}), "oda.components.v1.default.components.a_b-C9"},
		"dots":             {event.Subject(component.Key{Cluster: "c", Namespace: "ns", Name: "cat.v1"}), "oda.components.v1.c.ns.cat=2Ev1"},
		"wildcards":        {event.Subject(component.Key{Cluster: "*", Namespace: ">", Name: "$"}), "oda.components.v1.=2A.=3E.=24"},
		"escape":           {event.Subject(component.Key{Cluster: "=", Namespace: "=2E", Name: "é"}), "oda.components.v1.=3D.=3D2E.=C3=A9"},
		"empty":            {event.Subject(component.Key{}), "oda.components.v1.=.=.="},
		"cluster":          {event.ClusterSubjects("edge.1"), "oda.components.v1.edge=2E1.*.*"},
		"cluster wildcard": {event.ClusterSubjects(">"), "oda.components.v1.=3E.*.*"},
		"control":          {event.ControlSubject("edge.1", "read"), "oda.control.v1.edge=2E1.read"},
		"snapshot":         {event.SnapshotSubject("edge.1"), "oda.snapshots.v1.edge=2E1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			testcheck.Equal(t, "subject", test.want, test.got)
		})
	}
}

func TestSubjectFilters(t *testing.T) {
	tests := map[string]string{
		event.Subjects("c.1", "", ""):        "oda.components.v1.c=2E1.*.*",
		event.Subjects("c", "ns", ""):        "oda.components.v1.c.ns.*",
		event.Subjects("c", "", "a.b"):       "oda.components.v1.c.*.a=2Eb",
		event.Subjects("c", "*", ">"):        "oda.components.v1.c.=2A.=3E", // names, not wildcards
		event.Subjects("c", "ns", "catalog"): event.Subject(component.Key{Cluster: "c", Namespace: "ns", Name: "catalog"}),
		event.ClusterSubjects("c"):           event.Subjects("c", "", ""),
	}
	for got, want := range tests {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestParseSubject_Errors(t *testing.T) {
	tests := map[string]struct{ subject, says string }{
		"nothing":            {"", "does not start with oda.components.v1"},
		"other prefix":       {"oda.snapshots.v1.c", "does not start with oda.components.v1"},
		"prefix only":        {"oda.components.v1", "does not start with oda.components.v1"},
		"longer version":     {"oda.components.v11.c.ns.a", "does not start with oda.components.v1"},
		"two tokens":         {"oda.components.v1.c.ns", "2 tokens"},
		"four tokens":        {"oda.components.v1.c.ns.a.b", "4 tokens"},
		"empty token":        {"oda.components.v1.c..a", "empty token"},
		"wildcard":           {"oda.components.v1.c.ns.*", "must be written as =HH"},
		"cut escape":         {"oda.components.v1.c.ns.a=2", "must be written as =HH"},
		"lone escape":        {"oda.components.v1.c.ns.a=", "must be written as =HH"},
		"lower-case escape":  {"oda.components.v1.c.ns.a=2e", "must be written as =HH"},
		"needless escape":    {"oda.components.v1.c.ns.=41", "must be written as =HH"},
		"no escape":          {"oda.components.v1.c.ns.=GG", "must be written as =HH"},
		"byte beyond ASCII":  {"oda.components.v1.c.ns.é", "must be written as =HH"},
		"empty within token": {"oda.components.v1.c.ns.a==", "must be written as =HH"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := event.ParseSubject(test.subject)
			if err == nil {
				t.Fatalf("%q reads as %q", test.subject, key)
			}
			testcheck.ErrorContains(t, err, test.says, "subject")
		})
	}
}

func FuzzParseSubject(f *testing.F) {
	f.Add("oda.components.v1.default.components.prod-productcatalog")
	f.Add("oda.components.v1.=.=2E.a=C3=A9")
	f.Add("oda.components.v1.c.ns.=41")
	f.Add("oda.components.v1.c.ns.a=2")
	f.Fuzz(func(t *testing.T, subject string) {
		key, err := event.ParseSubject(subject)
		if err != nil {
			return
		}
		testcheck.Equal(t, fmt.Sprintf("the subject of %q, which was read", key), subject, event.Subject(key))
	})
}
