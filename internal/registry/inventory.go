package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"odasync/internal/component"
	"odasync/internal/syncer"
)

var _ syncer.Inventory = (*V1)(nil)

// Inventory implements syncer.Inventory. What it reads is known to the applies that follow.
func (v *V1) Inventory(ctx context.Context, cluster string, each func(syncer.Entry)) error {
	s := &session{client: v.client}
	since, before := v.marks(), v.index.registries.all()
	rows, err := v.readRows(ctx, s)
	if err != nil {
		return err
	}
	err = v.index.registries.reload(ctx, since.registries, func() (map[creation]bool, error) { return v.index.findRegistry(ctx, s) })
	if err == nil && len(before) > 0 && !maps.Equal(before, v.index.registries.all()) { // the registry has lost its database
		err = v.labels.reload(ctx, s, since.labels)
	}
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, row := range rows.components {
		e := v.cfg.owned(cluster, row.Name, row.Labels)
		e.Record.ID = strconv.FormatInt(row.ID, 10)
		e.Record.Digest = v.cfg.digest(shownEntry(row, rows.apis[row.Name]))
		named[row.Name] = true
		each(e)
	}
	for name, left := range rows.apis {
		if named[name] {
			continue
		}
		told := map[component.Key]bool{}
		for _, row := range left { // several owners may have left some
			if e := v.cfg.owned(cluster, name, row.Labels); !told[e.Key] {
				told[e.Key] = true
				each(e)
			}
		}
	}
	return nil
}

// Place implements syncer.Inventory.
func (v *V1) Place(key component.Key) syncer.Record {
	return syncer.Record{Registry: v.cfg.Name, Name: v.cfg.entryName(key)}
}

// owned reads off an entry's labels whose it is.
func (c Config) owned(cluster, name string, labels []wireLabel) syncer.Entry {
	e := syncer.Entry{Record: syncer.Record{Registry: c.Name, Name: name}}
	var owner, namespace string
	for _, label := range labels {
		switch label.Key {
		case labelManagedBy:
			owner = label.Value
		case labelNamespace:
			namespace = label.Value
		}
	}
	switch {
	case owner == managedBy(cluster) && namespace != "":
		e.Key = component.Key{Cluster: cluster, Namespace: namespace, Name: c.componentName(namespace, name)}
	case owner != "" && owner != managedBy(cluster):
		e.Foreign = true
	}
	return e
}

// componentName is the inverse of entryName. An entry that was named in another format keeps its name.
func (c Config) componentName(namespace, entry string) string {
	if c.NameFormat == FormatNamespaceName {
		return strings.TrimPrefix(entry, namespace+".")
	}
	return entry
}

// shownEntry gives what the registry shows in the form of what it should show.
func shownEntry(row wireComponent, apis []wireAPI) entry {
	e := entry{registry: row.RegistryName, name: row.Name, labels: shownLabels(row.Labels)}
	for _, a := range apis {
		e.apis = append(e.apis, api{
			name: a.Name, url: a.URL, specification: a.Specification, status: a.Status, labels: shownLabels(a.Labels),
		})
	}
	return e
}

// shownLabels keeps every label: of two with one key, the values stand side by side, which no wanted set has.
func shownLabels(read []wireLabel) labelSet {
	labels := labelSet{}
	for _, label := range slices.SortedFunc(slices.Values(read), func(a, b wireLabel) int { return cmp.Compare(a.ID, b.ID) }) {
		if other, twice := labels[label.Key]; twice && other != label.Value {
			labels[label.Key] = other + "\n" + label.Value
			continue
		}
		labels[label.Key] = label.Value
	}
	return labels
}

// digest is the same for entries that show the same, in whatever order their APIs stand. It is another one once the
// configuration asks for something else: every entry then differs from its record, and is looked at.
func (c Config) digest(e entry) string {
	type shown struct {
		Name, URL, Specification, Status string
		Labels                           labelSet
	}
	all := []shown{{Name: e.name, Labels: e.labels}}
	apis := slices.Clone(e.apis)
	slices.SortStableFunc(apis, func(a, b api) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.url, b.url), cmp.Compare(a.specification, b.specification), cmp.Compare(a.status, b.status))
	})
	for _, a := range apis {
		all = append(all, shown{a.name, a.url, a.specification, a.status, a.labels})
	}
	text, err := json.Marshal([]any{c.NameFormat, slices.Sorted(slices.Values(c.Segments)), all}) // maps come in the order of their keys
	if err != nil {
		return "" // strings and maps of strings can always be encoded
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
