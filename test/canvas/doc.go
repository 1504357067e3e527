// Package canvas tests odasync with the Component Registry of an ODA Canvas: Components of a real API server reach the TMF639
// reference registry through real processes, with tokens, beside a v1 registry, and as the readers of the Canvas expect them.
package canvas
