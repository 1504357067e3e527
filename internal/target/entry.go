package target

import (
	"odasync/internal/component"
)

// Entry is an entry of the registry.
type Entry struct {
	// Key is the component in the entry's labels, if it is of the requested cluster; else zero.
	Key component.Key
	// Ref is where the entry is; its digest covers the whole content. Without an id there are only APIs.
	Ref Ref
	// Foreign means that the entry has the labels of another owner.
	Foreign bool
}
