package event_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"odasync/internal/component"
	"odasync/internal/event"
	"odasync/internal/testcheck"
)

// During an upgrade, and in the history of a stream, there are messages whose body has the first version.
func TestDecode_ReadsTheFirstVersion(t *testing.T) {
	first := catalog()
	first.Canonical() // sorts the APIs, as they were when the message was written
	first.Created, first.Metadata.Fields, first.DependentAPIs = "", nil, nil
	for i := range first.ExposedAPIs {
		first.ExposedAPIs[i].Object = ""
	}
	for name, want := range map[string]*component.Component{
		"v1-upsert":           first,
		"v1-upsert-bare":      {Namespace: "components", Name: "prod-productcatalog"},
		"v1-upsert-odd-names": {Namespace: "components", Name: "prod.v1.catalog=100%"},
	} {
		t.Run(name, func(t *testing.T) {
			m := goldenMessage(t, name)
			testcheck.MustEqual(t, "schema of the golden file", "urn:odasync:component:v1", header(m, event.HeaderDataSchema))
			got, err := event.Decode(m, 42)
			testcheck.NoError(t, err)
			testcheck.Equal(t, "decoded component", want, got.Component)
			if got.Hash != header(m, event.HeaderHash) || !got.Time.Equal(seen) || got.Sequence != 42 {
				t.Errorf("got the hash %s, the time %s and the sequence %d", got.Hash, got.Time, got.Sequence)
			}
		})
	}
}

// A program of the first version finds its own fields in a new message, as it would have written them.
func TestEncode_IsReadByTheFirstVersion(t *testing.T) {
	for _, name := range []string{"upsert", "upsert-bare", "upsert-odd-names"} {
		t.Run(name, func(t *testing.T) {
			var body firstComponent
			testcheck.NoError(t, json.Unmarshal(goldenMessage(t, name).Data, &body))
			got, err := json.Marshal(body)
			testcheck.NoError(t, err)
			if diff := cmp.Diff(string(goldenMessage(t, "v1-"+name).Data), string(got)); diff != "" {
				t.Errorf("-first version +now:\n%s", diff)
			}
		})
	}
}

// firstComponent is the body of the first version. It never changes.
type firstComponent struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Terminating bool              `json:"terminating,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Metadata    struct {
		ID                  string        `json:"id,omitempty"`
		Name                string        `json:"name,omitempty"`
		Version             string        `json:"version,omitempty"`
		Description         string        `json:"description,omitempty"`
		FunctionalBlock     string        `json:"functionalBlock,omitempty"`
		PublicationDate     string        `json:"publicationDate,omitempty"`
		Status              string        `json:"status,omitempty"`
		Maintainers         []firstPerson `json:"maintainers,omitempty"`
		Owners              []firstPerson `json:"owners,omitempty"`
		ETOM                []string      `json:"eTom,omitempty"`
		SID                 []string      `json:"SID,omitempty"`
		FunctionalFramework []string      `json:"functionalFramework,omitempty"`
	} `json:"metadata"`
	DeploymentStatus string     `json:"deploymentStatus,omitempty"`
	ExposedAPIs      []firstAPI `json:"exposedAPIs,omitempty"`
}

type firstPerson struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

type firstAPI struct {
	Name           string               `json:"name"`
	Entry          string               `json:"entry"`
	Segment        string               `json:"segment"`
	Version        string               `json:"version,omitempty"`
	Type           string               `json:"type,omitempty"`
	Specifications []firstSpecification `json:"specifications,omitempty"`
	Implementation string               `json:"implementation,omitempty"`
	URL            string               `json:"url,omitempty"`
	DeveloperUI    string               `json:"developerUI,omitempty"`
	Ready          bool                 `json:"ready"`
}

type firstSpecification struct {
	URL     string `json:"url,omitempty"`
	Version string `json:"version,omitempty"`
}

// goldenMessage is the message in a golden file, as render wrote it.
func goldenMessage(t *testing.T, name string) event.Message {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
	testcheck.NoError(t, err)
	head, body, found := strings.Cut(string(text), "\n\n")
	if !found {
		t.Fatalf("%s.golden has no body", name)
	}
	lines := strings.Split(head, "\n")
	m := event.Message{Subject: lines[0], Header: map[string][]string{}, Data: []byte(strings.TrimSuffix(body, "\n"))}
	for _, line := range lines[1:] {
		key, value, _ := strings.Cut(line, ": ")
		m.Header[key] = append(m.Header[key], value)
	}
	return m
}
