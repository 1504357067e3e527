package streamtest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"odasync/internal/natsconn"

	"github.com/nats-io/nats-server/v2/server"
)

// Cluster is a set of servers that replicate their streams.
type Cluster []*Server

// StartCluster runs a cluster of servers until the test ends and waits until it has a leader.
func StartCluster(t testing.TB, size int) Cluster {
	t.Helper()
	ports, routes := make([]int, size), make([]*url.URL, size)
	for i := range ports {
		ports[i] = freePort(t)
		routes[i] = &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[i])}
	}
	c := make(Cluster, size)
	for i := range c {
		c[i] = Start(t, func(o *server.Options) {
			o.ServerName = fmt.Sprintf("s%d", i)
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[i]}
			o.Routes = routes
		})
	}
	c.WaitForLeader(t)
	return c
}

// WaitForLeader waits until the cluster's running servers can change streams and all take part.
func (c Cluster) WaitForLeader(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		for _, s := range c {
			if s.server != nil && s.server.JetStreamIsLeader() && len(s.server.JetStreamClusterPeers()) == len(c) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster has no leader after %s", startTimeout)
		}
	}
}

// Leader returns the server that leads a stream, or nil while none does.
func (c Cluster) Leader(name string) *Server {
	for _, s := range c {
		if s.server != nil && s.server.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, name) {
			return s
		}
	}
	return nil
}

// Conn returns a connection of the product that knows every server, with three replicas, and ends with the test.
func (c Cluster) Conn(t testing.TB, change ...func(*natsconn.Config)) *natsconn.Conn {
	t.Helper()
	urls := make([]string, len(c))
	for i, s := range c {
		urls[i] = s.URL()
	}
	return connect(t, append([]func(*natsconn.Config){func(cfg *natsconn.Config) {
		cfg.URL, cfg.Replicas = strings.Join(urls, ","), len(c)
	}}, change...))
}
