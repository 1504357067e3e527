package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"
	"k8s.io/apimachinery/pkg/labels"

	"odasync/internal/cli/remedy"
	"odasync/internal/component"
	"odasync/internal/control"
	"odasync/internal/event"
	"odasync/internal/kube"
	"odasync/internal/kube/listwatch"
	"odasync/internal/manifests"
	"odasync/internal/ops"
	"odasync/internal/registry"
	"odasync/internal/registry/adapter"
)

// comparison compares the cluster with the stream and the stream with the registry.
type comparison struct {
	*session
	name     string          // empty for any
	selected component.Scope // the namespaces to compare
	labels   labels.Selector // of the components to compare

	scope     component.Scope // the namespaces read in the cluster
	folder    string          // of the manifests that the watcher reads instead of a cluster; empty for a cluster
	cluster   map[component.Key]component.Observation
	stream    map[component.Key]event.Event
	malformed map[component.Key]error // newest events that cannot be decoded
	found     []Difference
	compared  map[component.Key]bool // every component that exists, or existed
}

// readCluster reads the selected namespace, or those of the watched ones that are selected, from what the leading watcher reads.
func (d *comparison) readCluster(ctx context.Context, c *cli.Context, cfg kube.Config) error {
	leader, err := d.leader(ctx)
	if err != nil {
		return err
	}
	if leader != nil && leader.Manifests != "" {
		cfg.Namespaces, d.folder = leader.Namespaces, leader.Manifests
	}
	scope, err := component.ParseScope(cfg.Namespaces)
	if err != nil {
		return err
	}
	if one := d.selected.Namespace(); one != "" {
		if !scope.Contains(one) {
			return fmt.Errorf("namespace %q is not watched: KUBERNETES_NAMESPACE is %s: add it there", one, scope)
		}
		scope = d.selected
	}
	read := d.readAPI
	if d.folder != "" {
		read = d.readFolder
	}
	all, err := read(ctx, c, cfg, scope)
	if err != nil {
		return err
	}
	d.scope, d.cluster = scope, map[component.Key]component.Observation{}
	for _, seen := range all {
		key := component.Key{Cluster: d.session.cluster, Namespace: seen.Namespace, Name: seen.Name}
		if _, twice := d.cluster[key]; !twice && d.selected.Contains(seen.Namespace) {
			d.cluster[key] = seen
		}
	}
	return nil
}

// leader is the status of the leading watcher; nil where none leads.
func (s *session) leader(ctx context.Context) (*control.WatcherStatus, error) {
	watchers, err := s.control().Watchers(ctx)
	for n := range watchers {
		if w := &watchers[n]; w.Cluster == s.cluster && w.Leader {
			return w, nil
		}
	}
	return nil, err
}

func (d *comparison) readAPI(ctx context.Context, _ *cli.Context, cfg kube.Config, scope component.Scope) ([]component.Observation, error) {
	client, err := kube.NewClient(cfg, ops.Version(), zerolog.Nop())
	if err != nil {
		return nil, err
	}
	all, err := listwatch.Components(ctx, client, scope, d.name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", remedy.ClusterError(client, err), remedy.Cluster)
	}
	return all, nil
}

// readFolder reads the manifests that the watcher reads. As there, the first of two documents of one Component counts.
func (d *comparison) readFolder(_ context.Context, c *cli.Context, cfg kube.Config, scope component.Scope) ([]component.Observation, error) {
	if err := manifests.Check(d.folder); err != nil {
		return nil, fmt.Errorf("the watcher reads manifests, which are not on this machine: %w", err)
	}
	all, _, err := readManifests(c, cfg.Group, []string{d.folder}) // it reports files that cannot be read
	return slices.DeleteFunc(all, func(seen component.Observation) bool {
		return !scope.Contains(seen.Namespace) || d.name != "" && d.name != seen.Name
	}), err
}

func (d *comparison) readStream(ctx context.Context) error {
	d.stream, d.malformed, d.compared = map[component.Key]event.Event{}, map[component.Key]error{}, map[component.Key]bool{}
	err := d.log.NewestOfEach(ctx, event.Subjects(d.session.cluster, d.selected.Namespace(), d.name), func(e event.Event, err error) {
		if !d.selected.Contains(e.Key.Namespace) {
			return
		}
		delete(d.malformed, e.Key) // a key may come twice
		d.stream[e.Key] = e
		if err != nil {
			d.malformed[e.Key] = err
		}
	})
	for key := range d.cluster {
		d.compared[key] = true
	}
	for key := range d.stream {
		d.compared[key] = true
	}
	return err
}

// selectLabels drops the components that have the selected labels neither in the cluster nor in the stream.
func (d *comparison) selectLabels() {
	if d.labels.Empty() {
		return
	}
	for key := range d.compared {
		seen, e := d.cluster[key], d.stream[key]
		if has(d.labels, seen.Component) || has(d.labels, e.Component) {
			continue
		}
		delete(d.compared, key)
		delete(d.cluster, key)
		delete(d.stream, key)
		delete(d.malformed, key)
	}
}

// has reports whether the component has the selected labels; nil has none.
func has(selector labels.Selector, c *component.Component) bool {
	return c != nil && selector.Matches(labels.Set(c.Labels))
}

// desired reports whether the component exists according to the stream.
func (d *comparison) desired(key component.Key) bool {
	e, ok := d.stream[key]
	return ok && (!e.Deleted() || d.malformed[key] != nil)
}

// compareCluster compares cluster and stream. A component in a namespace that was not read does not count as missing.
func (d *comparison) compareCluster() {
	for key := range d.compared {
		seen, exists := d.cluster[key]
		switch {
		case d.malformed[key] != nil: // the registry keeps the last valid state
			d.add(key, clusterStream, Difference{Field: wholeComponent, Detail: "the newest event cannot be decoded: " + d.malformed[key].Error()})
		case d.cluster == nil:
		case seen.Err != nil:
			d.add(key, clusterStream, Difference{Field: wholeComponent, Detail: "the resource is invalid, the stream keeps its last valid state: " + seen.Err.Error()})
		case exists && !d.desired(key):
			d.add(key, clusterStream, Difference{Field: wholeComponent, Left: component.Present})
		case exists:
			d.compareContent(key, seen.Component)
		case d.desired(key) && d.scope.Contains(key.Namespace):
			d.add(key, clusterStream, Difference{Field: wholeComponent, Right: component.Present})
		}
	}
}

func (d *comparison) compareContent(key component.Key, content *component.Component) {
	e := d.stream[key]
	if component.Hash(content.Canonical()) == e.Hash {
		return
	}
	for _, change := range component.Changes(content, e.Component) {
		d.add(key, clusterStream, Difference{Field: change.Field, Left: change.Before, Right: change.After})
	}
}

// compareRegistry compares stream and registry: the whole registry in pages, or the entries of one name.
func (d *comparison) compareRegistry(ctx context.Context, cfg registry.Config) error {
	target, err := adapter.Open(ctx, cfg, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		return err
	}
	defer target.Close()
	if d.name == "" || len(d.compared) == 0 { // an entry that only the registry has is found by reading all
		all, err := target.Actual(ctx)
		if err != nil {
			return fmt.Errorf("read the %w", remedy.RegistryError(cfg.Address(), err))
		}
		for key := range d.stream {
			d.compareEntry(key, all)
		}
		d.addOrphans(all)
		return nil
	}
	for key := range d.compared {
		state, err := d.states.Load(ctx, key)
		if err != nil {
			return err
		}
		one, err := target.ActualOf(ctx, key, state.Ref)
		if err != nil {
			return fmt.Errorf("read %s in the %w", key, remedy.RegistryError(cfg.Address(), err))
		}
		d.compareEntry(key, one)
		d.addOrphans(one)
	}
	return nil
}

func (d *comparison) compareEntry(key component.Key, actual registry.Actual) {
	if !d.desired(key) || d.malformed[key] != nil {
		return
	}
	presence, differences := actual.Compare(key, d.stream[key].Component)
	switch presence {
	case registry.Missing:
		d.add(key, streamRegistry, Difference{Field: wholeComponent, Left: component.Present})
	case registry.TakenByOther:
		d.add(key, streamRegistry, Difference{Field: wholeComponent, Left: component.Present, Detail: "missing in registry: another owner has the name"})
	}
	for _, difference := range differences {
		d.add(key, streamRegistry, Difference{Field: difference.Field, Left: difference.Want, Right: difference.Actual})
	}
}

func (d *comparison) addOrphans(actual registry.Actual) {
	if !d.labels.Empty() { // the labels of what the stream does not have are unknown
		return
	}
	for _, orphan := range actual.Orphans(d.session.cluster, d.desired) {
		key := orphan.Key
		if d.name != "" && key.Name != d.name || !d.selected.Contains(key.Namespace) {
			continue
		}
		d.compared[key] = true
		d.add(key, streamRegistry, Difference{
			Field: wholeComponent, Right: component.Present,
			Detail: fmt.Sprintf("only in registry (orphan %q, managed-by %s)", orphan.Entry, registry.ManagedBy(d.session.cluster)),
		})
	}
}
