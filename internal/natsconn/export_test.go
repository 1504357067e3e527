package natsconn

// What the tests in natsconn_test see of the inside.
var (
	CheckVersion = checkVersion
	Redacted     = redacted
)
