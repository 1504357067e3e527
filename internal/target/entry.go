package target

import (
	"odasync/internal/component"
)

// Entry is what stands in the registry under one name.
type Entry struct {
	// Key is the component that the entry's own labels name, in the cluster that was asked for; zero where they do not.
	Key component.Key
	// Record is where it stands; its digest is over all that it shows. Without an id only APIs stand there.
	Ref Ref
	// Foreign says that another owner's labels are on it.
	Foreign bool
}
