package v1

import (
	"context"
	"maps"
	"strconv"

	"odasync/internal/component"
	"odasync/internal/fingerprint"
	"odasync/internal/registry"
	"odasync/internal/target"
)

// Inventory calls each with every entry under the configured registry entry; an entry may be passed more than once. What
// it reads also refreshes the caches. The APIs are read first and summed up
// by the name of their component, so that each component can be passed on as it is read: of an entry only the digest over
// its APIs is kept.
func (a *Adapter) Inventory(ctx context.Context, cluster string, each func(target.Entry)) error {
	s := a.client.NewSession()
	began, before := a.content.clock.Load(), a.content.registries.All()
	apis, err := a.sumAPIs(ctx, s)
	if err != nil {
		return err
	}
	if err := a.listComponents(ctx, s, cluster, apis, each); err != nil {
		return err
	}
	if err := a.listLeftAPIs(ctx, s, cluster, apis, each); err != nil {
		return err
	}
	err = a.content.registries.Refresh(ctx, began, func() (map[fingerprint.Print]int64, bool, error) { return a.content.findRegistry(ctx, s) })
	if err == nil && len(before) > 0 && !maps.Equal(before, a.content.registries.All()) { // the registry has lost its database
		err = a.content.refreshLabels(ctx, s, began)
	}
	return err
}

// apiSum is the digest over the APIs of one component name.
type apiSum struct {
	registry.Digest
	component bool // exists
}

// sumAPIs reads all APIs, and sums up those under the configured registry entry by the name of their component.
func (a *Adapter) sumAPIs(ctx context.Context, s *registry.Session) (sums map[fingerprint.Print]apiSum, err error) {
	for sums == nil && err == nil { // another caller's reading passes no rows
		err = a.content.refreshAPIs(ctx, s, a.content.clock.Load(), registry.Rows[wireAPI]{
			Begin: func() { sums = map[fingerprint.Print]apiSum{} },
			Row: func(row *wireAPI) {
				if row.RegistryName == a.cfg.Name {
					key := fingerprint.Of(row.ComponentName)
					api := apiDigest(row.Name, row.URL, row.Specification, row.Status, labelsDigest(row.Labels))
					sums[key] = apiSum{Digest: sums[key].Plus(api)}
				}
			},
		})
	}
	return sums, err
}

// listComponents passes on every component, with the digest over all that it has.
func (a *Adapter) listComponents(ctx context.Context, s *registry.Session, cluster string, apis map[fingerprint.Print]apiSum, each func(target.Entry)) (err error) {
	config := a.cfg.Digest()
	for read := false; !read && err == nil; { // another caller's reading passes no rows
		err = a.content.refreshComponents(ctx, s, a.cfg.Name, a.content.clock.Load(), registry.Rows[wireComponent]{
			Begin: func() { read = true }, // entries of a reading that starts over are passed on again
			Row: func(row *wireComponent) {
				if row.RegistryName != a.cfg.Name { // the registry ignores the filter
					return
				}
				e := owned(a.cfg, cluster, row.Name, row.Labels)
				e.Ref.ID = strconv.FormatInt(row.ID, 10)
				total := config.Plus(componentDigest(row.Name, labelsDigest(row.Labels)))
				key := fingerprint.Of(row.Name)
				if own, has := apis[key]; has {
					total = total.Plus(own.Digest)
					apis[key] = apiSum{own.Digest, true}
				}
				e.Ref.Digest = total.String()
				each(e)
			},
		})
	}
	return err
}

// listLeftAPIs passes on the APIs whose component is gone, once for each owner. There are usually none, so they are read
// again rather than kept.
func (a *Adapter) listLeftAPIs(ctx context.Context, s *registry.Session, cluster string, apis map[fingerprint.Print]apiSum, each func(target.Entry)) error {
	left := map[fingerprint.Print]bool{}
	for key, of := range apis {
		if !of.component {
			left[key] = true
		}
	}
	if len(left) == 0 {
		return nil
	}
	type owner struct {
		component string
		key       component.Key
	}
	passed := map[owner]bool{}
	_, err := apiPages.Read(ctx, s, registry.Rows[wireAPI]{Row: func(row *wireAPI) {
		if row.RegistryName != a.cfg.Name || !left[fingerprint.Of(row.ComponentName)] {
			return
		}
		e := owned(a.cfg, cluster, row.ComponentName, row.Labels)
		if of := (owner{row.ComponentName, e.Key}); !passed[of] {
			passed[of] = true
			each(e)
		}
	}})
	return err
}

// Place returns the reference of a component's entry, without its id.
func (a *Adapter) Place(key component.Key) target.Ref {
	at := a.nameOf(key)
	return target.Ref{Registry: at.registry, Name: at.component}
}
