package procs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// NATS starts a nats-server with JetStream, whose data stays in the group's folder under the name, see DataDir. Port 0 takes
// a free one. Settings are lines of nats-server's configuration file. It returns the URL for clients once the server takes
// connections.
func (g *Group) NATS(ctx context.Context, name string, port int, settings ...string) (*Process, string, error) {
	if port == 0 {
		var err error
		if port, err = FreePort(); err != nil {
			return nil, "", err
		}
	}
	spec, err := g.natsSpec(name, port, settings)
	if err != nil {
		return nil, "", err
	}
	return g.RestartNATS(ctx, spec)
}

// RestartNATS starts a nats-server from the spec of one that has ended, and returns the URL for clients once it takes
// connections.
func (g *Group) RestartNATS(ctx context.Context, spec Spec) (*Process, string, error) {
	p, err := g.Start(spec)
	if err != nil {
		return nil, "", err
	}
	line, err := p.Await(ctx, "Listening for client connections on ")
	if err != nil {
		return nil, "", err
	}
	if _, err := p.Await(ctx, "Server is ready"); err != nil {
		return nil, "", err
	}
	return p, "nats://" + address.FindString(line), nil
}

// DataDir is where the nats-server of that name has its data.
func (g *Group) DataDir(name string) string { return filepath.Join(g.Dir, name) }

// NATSCluster starts nats-servers that form one JetStream cluster on loopback, each with a folder of its own. It returns
// the URLs for clients, with commas. The servers take connections; JetStream answers once they have found each other.
func (g *Group) NATSCluster(ctx context.Context, name string, size int) ([]*Process, string, error) {
	type server struct{ client, route int }
	servers, routes := make([]server, size), make([]string, size)
	for i := range servers {
		var err error
		if servers[i].client, err = FreePort(); err == nil {
			servers[i].route, err = FreePort()
		}
		if err != nil {
			return nil, "", err
		}
		routes[i] = fmt.Sprintf("nats://127.0.0.1:%d", servers[i].route)
	}
	var processes []*Process
	for i, s := range servers {
		spec, err := g.natsSpec(fmt.Sprintf("%s-%d", name, i+1), s.client, nil)
		if err != nil {
			return nil, "", err
		}
		spec.Args = append(spec.Args, "-n", spec.Name, "--cluster_name", name, "--cluster", routes[i], "--routes", strings.Join(routes, ","))
		p, err := g.Start(spec)
		if err != nil {
			return nil, "", err
		}
		processes = append(processes, p)
	}
	urls := make([]string, size)
	for i, p := range processes {
		line, err := p.Await(ctx, "Listening for client connections on ")
		if err != nil {
			return nil, "", err
		}
		urls[i] = "nats://" + address.FindString(line)
	}
	return processes, strings.Join(urls, ","), nil
}

func (g *Group) natsSpec(name string, port int, settings []string) (Spec, error) {
	spec := Spec{
		Name: name, Program: "nats-server",
		Args: []string{"-js", "-sd", g.DataDir(name), "-a", "127.0.0.1", "-p", strconv.Itoa(port)},
	}
	if len(settings) == 0 {
		return spec, nil
	}
	path := filepath.Join(g.Dir, name+".conf")
	if err := os.WriteFile(path, []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		return Spec{}, fmt.Errorf("configure %s: %w", name, err)
	}
	spec.Args = append(spec.Args, "-c", path)
	return spec, nil
}
