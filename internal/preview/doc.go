// Package preview shows what a Component Registry would get for Components, without a registry: an empty one in memory gets
// them through the adapter that the syncers use, and its requests are recorded.
//
// # Guarantees
//
//   - The requests are those of a first sync: nothing maps a Component for the preview alone.
//   - Nothing leaves the process but over its loopback interface.
//
// The tests preview the samples for every API.
package preview
