// Package tmf639 is the contract of the Component Registry that the ODA Canvas
// runs: TMF639 Resource Inventory Management v5.
//
// # Guarantees
//
// Statuses, error bodies, headers and the order of keys are those of the
// deployed service, with its inconvenient parts: PATCH replaces a document and
// never changes its links, an API posted before its Component makes a stub, a
// deleted Component leaves null links behind, a filter sees only the page, and
// hubs are called inside the request.
//
// Documents are kept in memory, in the order of their creation. Any JSON is
// kept as it is, in the formatting of the deployed service's encoder.
//
// A friendly service ([Config].Friendly) filters before it pages and finds
// self:x by the bare name x. That is the only deviation.
//
// The tests call a reference registry over HTTP and replay exchanges that were
// captured from the deployed service.
package tmf639
