package refregistry

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
)

// servedFile makes this test program serve the file that the variable names.
const servedFile = "REFREGISTRY_TEST_SERVED_FILE"

// serveFile prints the address that it serves on and does not return.
func serveFile(path string) {
	s, err := Open(Config{}, path)
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(Serve(context.Background(), listener, s, zerolog.Nop()))
}

// served starts a child process that serves the file.
func served(t *testing.T, path string) (c *client, kill func()) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), servedFile+"="+path)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = child.Process.Kill() // SIGKILL; Wait has the outcome
		_ = child.Wait()         // an error, since it was killed
	})
	t.Cleanup(kill)
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, base: "http://" + address[:len(address)-1], http: &http.Client{Transport: transport}}, kill
}

// TestKilledProcess kills a serving process in the middle of its writes, ten
// times over one file. All that was answered must be there, and of the rest
// only what is whole.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	closed(t, open(t, Config{}, path))
	answered := map[string]string{} // by component, the status of its API
	for round := range 10 {
		c, kill := served(t, path)
		if round == 0 {
			c.registry("self")
			c.label("team", "blue")
		}
		var mu sync.Mutex
		var writes atomic.Int32
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("c%d-%d-%d", round, w, i)
					status := writeUntilKilled(c, name)
					mu.Lock()
					if status != "" {
						answered[name] = status
					}
					mu.Unlock()
					if status != statusReady {
						return
					}
					if writes.Add(1) == 30 {
						kill()
					}
				}
			})
		}
		writers.Wait()

		s := open(t, Config{}, path)
		content := s.Snapshot()
		closed(t, s)
		components, apis := map[string]Component{}, map[string]API{}
		for _, component := range content.Components {
			components[component.Name] = component
		}
		for _, api := range content.APIs {
			apis[api.Component] = api
			if _, ok := components[api.Component]; !ok {
				t.Errorf("an API of component %s is there, and the component is not", api.Component)
			}
		}
		for name, status := range answered {
			component, ok := components[name]
			if !ok || component.Labels["team"] != "blue" {
				t.Errorf("component %s: %+v, want it with its label", name, component)
			}
			switch got := apis[name].Status; {
			case status == "component" || got == statusReady:
			case got != status:
				t.Errorf("API of %s is %q, want %q", name, got, status)
			}
		}
	}
	if len(answered) < 300 {
		t.Errorf("only %d components were answered", len(answered))
	}
}

// writeUntilKilled creates a component and its API and makes that ready. It
// returns what the last answer confirmed: nothing, "component", the API as
// "pending", or "ready".
func writeUntilKilled(c *client, name string) (confirmed string) {
	step := func(confirms, method, path, body string) (id int64) {
		res, err := c.send(c.request(method, path, body))
		if err != nil {
			return 0
		}
		var answer struct{ ID int64 }
		if err := json.Unmarshal([]byte(res.body), &answer); err != nil || answer.ID == 0 {
			c.t.Errorf("%s %s: answer %d %s", method, path, res.status, res.body)
			return 0
		}
		confirmed = confirms
		return answer.ID
	}
	if step("component", "POST", "/components/", fmt.Sprintf(`{"registry_name":"self","name":%q,"label_ids":[1]}`, name)) == 0 {
		return confirmed
	}
	api := step(statusPending, "POST", "/exposed-apis/", fmt.Sprintf(`{"registry_name":"self","component_name":%q,"name":"a","url":"u"}`, name))
	if api != 0 {
		step(statusReady, "PATCH", fmt.Sprintf("/exposed-apis/%d/status", api), `{"status":"ready"}`)
	}
	return confirmed
}
