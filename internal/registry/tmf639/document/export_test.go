package document

// What only tests use from outside.
var (
	Encode   = encode
	Portable = portable
)
