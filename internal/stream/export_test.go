package stream

import "time"

// What the tests in stream_test see of the inside.
var (
	CheckVersion = checkVersion
	Redacted     = redacted
)

// SetTiming shortens what tests would wait for. It must be called before the connection is used.
func (c *Conn) SetTiming(idle, heartbeat time.Duration) {
	c.timing = timing{idle: idle, heartbeat: heartbeat}
}
