package v1

import "net/http"

var registryFields = []field{
	{name: "name", required: true, min: 1, max: 100},
	{name: "type", kind: enum, required: true, values: []string{"upstream", "downstream", "self"}},
	{name: "url", required: true, min: 1, max: 500},
	labelIDs,
}

// registries are deleted without their components and APIs.
func (s *Service) registries() resource[RegistryRow, registryView] {
	return resource[RegistryRow, registryView]{
		service: s, name: "Registry",
		table: func(t *Tables) Table[RegistryRow] { return t.Registries },
		view:  (*viewer).registry,
		write: func(row RegistryRow) Write { return Write{Kind: KindRegistry, Registry: row.Name, ID: row.ID} },
	}
}

func (s *Service) createRegistry(c *call) (any, *failure) {
	row := RegistryRow{
		Name: c.body.text("name", ""), Type: c.body.text("type", ""), URL: c.body.text("url", ""),
		LabelIDs: c.body.ids("label_ids", nil), CreatedAt: timestamp(c.now),
	}
	return s.registries().create(c, row, func(t *Tables) *failure { return freeName(t, row.Name) }, nil)
}

// updateRegistry leaves components and APIs under the name that they have: a
// rename detaches them.
func (s *Service) updateRegistry(c *call) (any, *failure) {
	return s.registries().update(c, func(t *Tables, row RegistryRow) (RegistryRow, *failure) {
		if name := c.body.text("name", row.Name); name != row.Name {
			if failed := freeName(t, name); failed != nil {
				return row, failed
			}
			row.Name = name
		}
		row.Type = c.body.text("type", row.Type)
		row.URL = c.body.text("url", row.URL)
		row.LabelIDs = c.body.ids("label_ids", row.LabelIDs)
		return row, nil
	})
}

func freeName(t *Tables, name string) *failure {
	if _, taken := t.Registries.Find(Pair{First: name}); taken {
		return fail(http.StatusBadRequest, "Registry %s already exists", name)
	}
	return nil
}

// knownRegistry fails for a name that no registry has.
func knownRegistry(t *Tables, name string) *failure {
	if _, ok := t.Registries.Find(Pair{First: name}); !ok {
		return fail(http.StatusNotFound, "Registry not found")
	}
	return nil
}
