package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"odasync/internal/component"
	"odasync/internal/config"
	"odasync/internal/kube"
	"odasync/internal/registry"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "compare cluster, stream and registry, field by field",
		ArgsUsage: "[NAME]",
		Description: "Compares the cluster with the stream and the stream with the registry, and changes nothing.\n\n" +
			"Exit code 0: no difference. 1: a difference. 2: an error.\n\n" +
			"Examples:\n" +
			"  ctl diff\n" +
			"  ctl diff catalog -n shop --no-cluster",
		Flags: []cli.Flag{
			namespaceFlag("only these `NAMESPACES`: a name, a list, globs such as oda*, or all"),
			&cli.BoolFlag{Name: "no-cluster", Usage: "compare only the stream with the registry"},
			selectorFlag(),
			outputFlag("table", "json", "yaml"),
			targetFlag(),
			timeoutFlag(time.Minute),
		},
		Action: diffAction,
	}
}

func diffAction(c *cli.Context) error {
	name, scope, selector, err := selectedComponents(c)
	if err != nil {
		return err
	}
	var (
		watched  kube.Config
		fed      registry.Config
		sections = []config.Section{&fed}
	)
	if !c.Bool("no-cluster") {
		sections = append(sections, &watched)
	}
	ctx, s, end, err := begin(c, sections...)
	if err != nil {
		return err
	}
	defer end()
	d := &comparison{session: s, name: name, selected: scope, labels: selector, found: []Difference{}}
	if !c.Bool("no-cluster") {
		if err := d.readCluster(ctx, c, watched); err != nil {
			return fmt.Errorf("%w; --no-cluster compares without the cluster", err)
		}
	}
	if err := d.readStream(ctx); err != nil {
		return err
	}
	d.selectLabels()
	d.compareCluster()
	if err := d.compareRegistry(ctx, fed); err != nil {
		return err
	}
	if d.name != "" && len(d.compared) == 0 {
		return fmt.Errorf("no component %q in %s: `ctl list` shows the components", d.name, d.sides())
	}
	return d.conclude(ctx, c)
}

// conclude prints the differences and a summary.
func (d *comparison) conclude(ctx context.Context, c *cli.Context) error {
	slices.SortStableFunc(d.found, compareDifferences)
	differ := map[component.Key]bool{}
	for _, f := range d.found {
		differ[f.key()] = true
	}
	existing := 0
	for key := range d.compared {
		if _, exists := d.cluster[key]; exists || d.desired(key) || differ[key] {
			existing++
		}
	}
	summary := fmt.Sprintf("components compared in %s: %d, differing: %d", d.sides(), existing, len(differ))
	err := printDifferences(c, d.found)
	note(c, "%s", summary)
	if err == nil {
		err = d.noteScope(ctx, c, d.selected, existing)
	}
	if err == nil {
		err = d.noteTarget(ctx, c)
	}
	if err != nil {
		return err
	}
	if d.cluster != nil && d.folder == "" && len(d.cluster) == 0 && existing > 0 {
		note(c, "warning: the cluster has no Component in namespaces %s, the stream has: check KUBERNETES_NAMESPACE and the kubeconfig", d.scope)
	}
	if len(differ) > 0 {
		return errNegative
	}
	return nil
}

func (d *comparison) sides() string {
	if d.cluster == nil {
		return "stream and registry"
	}
	if d.folder != "" {
		return "manifests, stream and registry"
	}
	return "cluster, stream and registry"
}

// Difference is a field that differs between two neighbours, as `ctl diff` prints it. The shape is stable; see docs/api.md.
type Difference struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Between is cluster/stream or stream/registry: the left and the right side.
	Between string `json:"between"`
	// Field is component for the whole component, a path such as metadata.version, "label KEY", "api NAME", or "api NAME FIELD".
	Field string `json:"field"`
	// Left and Right are the values; empty on a side without one.
	Left  string `json:"left"`
	Right string `json:"right"`
	// Detail describes the difference.
	Detail string `json:"detail"`
}

// The values of Difference.Between, and the Field of a whole component.
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

// add records a difference, with a detail where it has none.
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
	return table(c, []string{"NAMESPACE", "NAME", "BETWEEN", "FIELD", "DIFFERENCE"}, rows)
}
