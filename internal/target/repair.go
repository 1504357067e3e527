package target

// Listed is what a listing of the registry shows for one component.
type Listed struct {
	// Ref is its entry; zero if there is none.
	Ref Ref
	// NameFree means that no entry has the component's name, so it can be created without reading first.
	NameFree bool
}

// Repair is what comparing one component with the registry did.
type Repair struct {
	// Deleted means that the component should not exist in the registry.
	Deleted bool
	// Created means that the component had no entry before.
	Created bool
	// Writes counts the requests that changed something.
	Writes int
	// Overwritten means that another program had written over the component's entry.
	Overwritten bool
}

// SecondWriter is what to do about another program that writes over odasync's entries.
const SecondWriter = "another program writes the same entries: stop it (an older collector, or the Canvas's own: canvasResourceInventory: \"\" in its chart), " +
	"or give odasync's entries another COMPONENT_REGISTRY_NAME or COMPONENT_REGISTRY_ID_PREFIX"
