package store

// EnsureClaims and EnsureSessions with a life of the keys that suits a test.
var (
	EnsureClaimsFor   = ensureClaims
	EnsureSessionsFor = ensureSessions
)
