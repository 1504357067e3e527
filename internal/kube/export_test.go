package kube

import "time"

// SetTimeout replaces the time that the API server may take.
func (c *Client) SetTimeout(timeout time.Duration) { c.timeout = timeout }
