package stream

import "time"

// What the tests in stream_test see of the inside.
var (
	CheckVersion = checkVersion
	Redacted     = redacted
)

// SetTiming shortens what tests would wait for. It must be called before the connection is used.
func (c *Conn) SetTiming(claimTTL, idle, heartbeat time.Duration) {
	c.timing = timing{claimTTL: claimTTL, idle: idle, heartbeat: heartbeat}
}

// InBytes counts what the connection received.
func (c *Conn) InBytes() uint64 { return c.nc.Stats().InBytes }

// Connected says whether the client knows itself connected.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }
