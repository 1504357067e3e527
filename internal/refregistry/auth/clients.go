package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ParseClients reads clients, one a line as id:secret:role,role. Empty lines
// and lines that begin with # are ignored. An error names the line and never
// quotes it, as it holds a secret.
func ParseClients(text string, known []string) ([]Client, error) {
	var clients []Client
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		// A secret may have colons, an id and roles have none.
		id, rest, _ := strings.Cut(line, ":")
		at := strings.LastIndex(rest, ":")
		if id == "" || at < 1 {
			return nil, fmt.Errorf("line %d is not id:secret:role,role", n+1)
		}
		client := Client{ID: id, Secret: rest[:at], Roles: strings.Split(rest[at+1:], ",")}
		for _, role := range client.Roles {
			if !slices.Contains(known, role) {
				return nil, fmt.Errorf("line %d has an unknown role: use %s", n+1, strings.Join(known, ", "))
			}
		}
		if slices.ContainsFunc(clients, func(other Client) bool { return other.ID == id }) {
			return nil, fmt.Errorf("line %d repeats the client %q", n+1, id)
		}
		clients = append(clients, client)
	}
	if len(clients) == 0 {
		return nil, errors.New("it has no client: write one a line, as id:secret:role,role")
	}
	return clients, nil
}
