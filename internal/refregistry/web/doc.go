// Package web is the page on which a reference registry shows its components:
// newest change first, with a search by component, API and label.
//
// # Guarantees
//
// The page has no script and loads nothing from elsewhere; its content policy
// forbids both, whatever a component is called. Addresses are links only where
// a browser may safely follow them. A search works on a copy of the content
// and delays no writer.
//
// The page reads the registry through [Registry].
//
// The tests here read the HTML; test/page looks at the page through Chromium.
package web
