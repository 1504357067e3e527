package cli

// What the tests reach into.
var (
	Execute    = execute
	NewApp     = newApp
	FlagsFirst = func(args []string) []string { return flagsFirst(newApp(), args) }
	ParseSince = parseSince
	ShellQuote = shellQuote
)
