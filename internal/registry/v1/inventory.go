package v1

import (
	"context"
	"maps"
	"strconv"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/syncer"
	"odasync/internal/target"
)

var _ syncer.Inventory = (*Adapter)(nil)

// Inventory implements syncer.Inventory. What it reads is known to the applies that follow. The APIs are read first and
// summed up by their component's name, so that each component can be handed on as it comes: what is kept of an entry is
// the sum over its APIs.
func (v *Adapter) Inventory(ctx context.Context, cluster string, each func(target.Entry)) error {
	s := &registry.Session{Client: v.client}
	since, before := v.marks(), v.index.registries.all()
	apis, err := v.sumAPIs(ctx, s)
	if err != nil {
		return err
	}
	if err := v.listComponents(ctx, s, cluster, apis, each); err != nil {
		return err
	}
	if err := v.leftovers(ctx, s, cluster, apis, each); err != nil {
		return err
	}
	err = v.index.registries.reload(ctx, since.registries, func() (map[creation]bool, error) { return v.index.findRegistry(ctx, s) })
	if err == nil && len(before) > 0 && !maps.Equal(before, v.index.registries.all()) { // the registry has lost its database
		err = v.labels.reload(ctx, s, since.labels)
	}
	return err
}

// apiSum is over the APIs of one name.
type apiSum struct {
	registry.Digest
	component bool // stands under that name
}

// sumAPIs reads all APIs, and sums up those under the configured registry entry by the name of their component.
func (v *Adapter) sumAPIs(ctx context.Context, s *registry.Session) (sums map[fingerprint.Print]apiSum, err error) {
	for sums == nil && err == nil { // another's reading shows nothing
		err = v.index.reloadAPIs(ctx, s, v.index.apis.mark(), registry.Rows[wireAPI]{
			Begin: func() { sums = map[fingerprint.Print]apiSum{} },
			Row: func(row *wireAPI) {
				if row.RegistryName == v.cfg.Name {
					name := fingerprint.Of(row.ComponentName)
					api := sumAPI(row.Name, row.URL, row.Specification, row.Status, sumLabels(row.Labels))
					sums[name] = apiSum{Digest: sums[name].Plus(api)}
				}
			},
		})
	}
	return sums, err
}

// listComponents hands on every component with the sum over its APIs.
func (v *Adapter) listComponents(ctx context.Context, s *registry.Session, cluster string, apis map[fingerprint.Print]apiSum, each func(target.Entry)) (err error) {
	config := v.cfg.Digest()
	for seen := false; !seen && err == nil; {
		err = v.index.reloadComponents(ctx, s, v.cfg.Name, v.index.in(v.cfg.Name).mark(), registry.Rows[wireComponent]{
			Begin: func() { seen = true }, // what an unsteady reading handed on comes again
			Row: func(row *wireComponent) {
				if row.RegistryName != v.cfg.Name { // else the filter did not work
					return
				}
				name := fingerprint.Of(row.Name)
				e := owned(v.cfg, cluster, row.Name, row.Labels)
				e.Ref.ID = strconv.FormatInt(row.ID, 10)
				total := config.Plus(sumComponent(row.Name, sumLabels(row.Labels)))
				if own, has := apis[name]; has {
					total = total.Plus(own.Digest)
					apis[name] = apiSum{own.Digest, true}
				}
				e.Ref.Digest = total.String()
				each(e)
			},
		})
	}
	return err
}

// leftovers hands on the APIs whose component is gone. There are none as a rule, so they are read again rather than kept.
func (v *Adapter) leftovers(ctx context.Context, s *registry.Session, cluster string, apis map[fingerprint.Print]apiSum, each func(target.Entry)) error {
	left := map[fingerprint.Print]bool{}
	for name, of := range apis {
		if !of.component {
			left[name] = true
		}
	}
	if len(left) == 0 {
		return nil
	}
	type owner struct {
		name string
		key  component.Key
	}
	told := map[owner]bool{}
	_, err := registry.List(ctx, s, pathAPIs, nil, func(row *wireAPI) int64 { return row.ID }, registry.Rows[wireAPI]{
		Begin: func() {},
		Row: func(row *wireAPI) {
			if row.RegistryName != v.cfg.Name || !left[fingerprint.Of(row.ComponentName)] {
				return
			}
			e := owned(v.cfg, cluster, row.ComponentName, row.Labels)
			if of := (owner{row.ComponentName, e.Key}); !told[of] { // several owners may have left some under one name
				told[of] = true
				each(e)
			}
		},
	})
	return err
}

// Place implements syncer.Inventory.
func (v *Adapter) Place(key component.Key) target.Ref {
	return target.Ref{Registry: v.cfg.Name, Name: v.cfg.EntryName(key)}
}

// owned reads off an entry's labels whose it is.
func owned(c registry.Config, cluster, name string, labels []wireLabel) target.Entry {
	e := target.Entry{Ref: target.Ref{Registry: c.Name, Name: name}}
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
	case owner == registry.ManagedBy(cluster) && namespace != "":
		e.Key = component.Key{Cluster: cluster, Namespace: namespace, Name: c.ComponentName(namespace, name)}
	case owner != "" && owner != registry.ManagedBy(cluster):
		e.Foreign = true
	}
	return e
}
