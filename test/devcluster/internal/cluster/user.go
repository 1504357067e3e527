package cluster

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// contextName names the cluster and the context in kubeconfigs.
const contextName = "devcluster"

// A user authenticates with a token that is created at every start.
type user struct {
	name   string
	groups []string
	token  string
}

func newAdmin() user {
	return user{name: "admin", groups: []string{"system:masters"}, token: rand.Text()}
}

// newWatcher is a user with the name and groups of a service account, so that
// role bindings to that account apply to it. It has no rights until a test
// binds some.
func newWatcher() user {
	return user{
		name:   "system:serviceaccount:canvas:odasync-watcher",
		groups: []string{"system:serviceaccounts", "system:serviceaccounts:canvas"},
		token:  rand.Text(),
	}
}

// writeTokens writes the file from which the API server knows its users.
func writeTokens(path string, users ...user) error {
	var text strings.Builder
	for _, u := range users {
		fmt.Fprintf(&text, "%s,%s,%s,%q\n", u.token, u.name, u.name, strings.Join(u.groups, ","))
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}

// writeKubeconfig writes a kubeconfig that verifies the server by its
// authority's certificate and authenticates with the user's token.
func writeKubeconfig(path, server string, caPEM []byte, u user) error {
	text, err := yaml.Marshal(map[string]any{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": contextName,
		"clusters": []any{map[string]any{"name": contextName, "cluster": map[string]any{
			"server": server, "certificate-authority-data": caPEM}}},
		"users": []any{map[string]any{"name": u.name, "user": map[string]any{"token": u.token}}},
		"contexts": []any{map[string]any{"name": contextName, "context": map[string]any{
			"cluster": contextName, "user": u.name, "namespace": "components"}}},
	})
	if err != nil {
		return fmt.Errorf("encode kubeconfig of %s: %w", u.name, err)
	}
	return replaceFile(path, text)
}

// checkOurKubeconfig refuses a file that is there and was not written by an
// earlier run: access to real clusters must not be overwritten.
func checkOurKubeconfig(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check kubeconfig: %w", err)
	}
	if !strings.Contains(string(text), "current-context: "+contextName+"\n") {
		return fmt.Errorf("check kubeconfig: %s is there and not of devcluster: give another --kubeconfig", path)
	}
	return nil
}
