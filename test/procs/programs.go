package procs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
)

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// Registry starts a reference registry, empty and in memory. Port 0 takes a free one. It returns its URL.
func (g *Group) Registry(ctx context.Context, name string, port int) (*Process, string, error) {
	p, err := g.Start(Spec{
		Name: name, Program: "ctl",
		Args: []string{"registry", "serve", "--listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))},
	})
	if err != nil {
		return nil, "", err
	}
	line, err := p.Await(ctx, "reference registry at ")
	if err != nil {
		return nil, "", err
	}
	found := address.FindString(line)
	if found == "" {
		return nil, "", fmt.Errorf("start %s: no address in %q", name, line)
	}
	return p, "http://" + found, nil
}

// monitored is what every daemon of a group has in common: metrics on a free port, and a log for machines.
var monitored = map[string]string{
	"MONITORING_HOST": "127.0.0.1", "MONITORING_PORT": "0", "LOG_FORMAT": "json", "LOG_LEVEL": "INFO",
}

// Watcher is the spec of a watcher.
func Watcher(name string, env map[string]string) Spec {
	return Spec{Name: name, Program: "watcher", Env: monitored}.With(env)
}

// Syncer is the spec of a syncer.
func Syncer(name string, env map[string]string) Spec {
	return Spec{Name: name, Program: "syncer", Env: monitored}.With(env)
}

// Run is the spec of `ctl run` with its data in the folder and its registry at the address.
func Run(name, dataDir, registry string, env map[string]string) Spec {
	return Spec{Name: name, Program: "ctl", Args: []string{"run", "--data-dir", dataDir, "--registry-listen", registry}, Env: monitored}.With(env)
}

// FreePort returns a loopback port that nothing listened on a moment ago. It is below those that systems give to outgoing
// connections, so that none of them takes it before its server listens there, or while that is restarted.
func FreePort() (int, error) {
	var last error
	for range 100 {
		port := 15_000 + rand.IntN(15_000)
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		return port, listener.Close()
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}
