package cli

import "odasync/internal/cli/cmdline"

// What the tests reach into.
var (
	Execute    = execute
	NewApp     = newApp
	FlagsFirst = func(args []string) []string { return cmdline.FlagsFirst(newApp(), args) }
	ParseSince = parseSince
	ShellQuote = shellQuote
)
