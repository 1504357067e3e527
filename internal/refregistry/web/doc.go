// Package web is the pages on which a reference registry shows its content:
// a list of components and one of APIs, with search, filters and order, and a
// page for each component and each API under an address that lasts.
//
// # Guarantees
//
// Everything works without a script. The one script copies addresses to the
// clipboard; the content policy allows it and the style sheet by their hashes,
// and nothing else, whatever a component is called. Addresses are links only
// where a browser may safely follow them, and characters that are not visible
// are shown as escapes. Every page has a bounded size. A search works on a
// copy of the content and delays no writer.
//
// The pages read the registry through [Registry].
//
// The tests here read the HTML; test/page looks at the pages through Chromium.
package web
