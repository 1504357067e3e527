package cli

import (
	"cmp"
	"strings"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
)

// Difference is a field in which two neighbours differ, as `ctl diff` prints it. The shape is stable; see docs/api.md.
type Difference struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Between is cluster/stream or stream/registry: what is on the left and what is on the right.
	Between string `json:"between"`
	// Field is component for the whole of it, a path such as metadata.version, "label KEY", "api NAME", or "api NAME FIELD".
	Field string `json:"field"`
	// Left and Right are the values; empty on a side that has none.
	Left  string `json:"left"`
	Right string `json:"right"`
	// Words say the same, for people.
	Detail string `json:"detail"`
}

// The words for Difference.Between, and for the field that is the whole component.
const (
	clusterStream  = "cluster/stream"
	streamRegistry = "stream/registry"
	wholeComponent = "component"
)

func (d *Difference) key() component.Key {
	return component.Key{Cluster: d.Cluster, Namespace: d.Namespace, Name: d.Name}
}

func compareDifferences(a, b Difference) int {
	return cmp.Or(a.key().Compare(b.key()), cmp.Compare(a.Between, b.Between))
}

// add notes a difference, and puts it into words where it has none.
func (d *comparison) add(key component.Key, between string, f Difference) {
	f.Cluster, f.Namespace, f.Name, f.Between = key.Cluster, key.Namespace, key.Name, between
	_, right, _ := strings.Cut(between, "/")
	switch {
	case f.Detail != "":
	case f.Left == component.Present && f.Right == "":
		f.Detail = "missing in " + right
	case f.Left == "" && f.Right == component.Present:
		f.Detail = "only in " + right
	default:
		f.Detail = dash(brief(f.Left)) + " <> " + dash(brief(f.Right))
	}
	d.found = append(d.found, f)
}

func printDifferences(c *cli.Context, found []Difference) error {
	done, err := printAs(c.App.Writer, c.String("output"), found)
	if done || len(found) == 0 {
		return err
	}
	rows := make([][]string, len(found))
	for n, f := range found {
		rows[n] = []string{dash(f.Namespace), f.Name, f.Between, f.Field, f.Detail}
	}
	return table(c.App.Writer, []string{"NAMESPACE", "NAME", "BETWEEN", "FIELD", "DIFFERENCE"}, rows)
}
