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
	// Writes counts the requests that changed something.
	Writes int
}
