package cli_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	cliframework "github.com/urfave/cli/v2"

	"odasync/internal/cli"
	"odasync/internal/stream/streamtest"
)

// The commands that use NATS, with arguments. Those that do not are below.
var natsCommands = map[string]string{
	"test": "test", "list": "list", "status": "status", "events": "events catalog", "diff": "diff --no-cluster", "sync": "sync --all",
	"reconcile": "reconcile", "approve": "approve", "replay": "replay --all --dry-run", "version": "version",
	"dlq list": "dlq list", "dlq show": "dlq show catalog", "dlq retry": "dlq retry --all", "dlq drop": "dlq drop --all --yes",
	"describe": "describe catalog", "apis": "apis", "why": "why catalog", "trace": "trace catalog",
}

// otherCommands do not need a running NATS server: they start one, use none, or report what is missing.
var otherCommands = []string{
	"run", "preview", "registry serve", "registry verify", "health", "completion bash", "completion zsh", "completion fish", "completion", "help",
	"__complete", "idle", "support-bundle", "context list", "context use", "context show", "context set", "context delete",
}

// commandNames lists every command that does something.
func commandNames(parent string, commands []*cliframework.Command) (names []string) {
	for _, command := range commands {
		name := strings.TrimSpace(parent + " " + command.Name)
		if len(command.Subcommands) == 0 {
			names = append(names, name)
		}
		names = append(names, commandNames(name, command.Subcommands)...)
	}
	return names
}

func TestUnusable_EveryCommandIsTested(t *testing.T) {
	for _, name := range commandNames("", cli.NewApp().Commands) {
		if natsCommands[name] == "" && !slices.Contains(otherCommands, name) {
			t.Errorf("ctl %s is not tested without NATS", name)
		}
	}
}

// silent accepts connections and never answers, until the test ends. It returns its address.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return listener.Addr().String()
}

// unusable is a server that a command cannot use.
type unusable struct {
	prepare func(*testing.T) (address string) // configures ctl
	remedy  string
}

// expectUnusable runs a command, which must end within its time-out, with the address of the server and the remedy.
func expectUnusable(t *testing.T, command string, server unusable) {
	t.Helper()
	address := server.prepare(t)
	began := time.Now()
	got := ctl(t, append(strings.Fields(command), "--timeout", "400ms")...)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %s with a time-out of 400ms", took)
	}
	got.expect(t, 2)
	for _, text := range []string{address, server.remedy} {
		if !strings.Contains(got.stdout+got.stderr, text) {
			t.Errorf("the output lacks %q:\n%s%s", text, got.stdout, got.stderr)
		}
	}
	if strings.Contains(got.stdout+got.stderr, "wr0ng") {
		t.Errorf("prints a secret: %s%s", got.stdout, got.stderr)
	}
}

func TestUnusable_NATS(t *testing.T) {
	at := func(t *testing.T, address string) string {
		t.Setenv("NATS_URL", "nats://"+address)
		return address // as many as there are
	}
	for name, server := range map[string]unusable{
		"down":   {func(t *testing.T) string { return at(t, unusedAddress(t)) }, "NATS_URL"},
		"silent": {func(t *testing.T) string { return at(t, silent(t)+",nats://"+silent(t)) }, "NATS_URL"},
		"wrong password": {func(t *testing.T) string {
			s := streamtest.Start(t, func(o *server.Options) { o.Username, o.Password = "ada", "s3cr3t" })
			t.Setenv("NATS_USER", "ada")
			t.Setenv("NATS_PASSWORD", "wr0ng")
			return at(t, strings.TrimPrefix(s.URL(), "nats://"))
		}, "NATS_PASSWORD"},
	} {
		for command, line := range natsCommands {
			t.Run(name+"/"+command, func(t *testing.T) {
				environment(t, nil)
				expectUnusable(t, line, server)
			})
		}
	}
}

func TestUnusable_Registry(t *testing.T) {
	at := func(t *testing.T, address string) string {
		t.Setenv("COMPONENT_REGISTRY_API", "v1")
		t.Setenv("COMPONENT_REGISTRY_URL", "http://"+address)
		return address
	}
	for name, server := range map[string]unusable{
		"down":   {func(t *testing.T) string { return at(t, unusedAddress(t)) }, "COMPONENT_REGISTRY_URL"},
		"silent": {func(t *testing.T) string { return at(t, silent(t)) }, "COMPONENT_REGISTRY_URL"},
		"wrong key": {func(t *testing.T) string {
			withKey(t, "wr0ng")
			return ""
		}, "COMPONENT_REGISTRY_API_KEY"},
	} {
		for _, command := range []string{"diff --no-cluster", "test"} {
			t.Run(name+"/"+command, func(t *testing.T) {
				p := newPipeline(t)
				p.publish(t, content("shop", "catalog", "1"))
				expectUnusable(t, command, server)
			})
		}
	}
}

func TestUnusable_Kubernetes(t *testing.T) {
	at := func(t *testing.T, address string) string {
		kubeconfig(t, "http://"+address)
		return address
	}
	for name, server := range map[string]unusable{
		"down":   {func(t *testing.T) string { return at(t, unusedAddress(t)) }, "KUBECONFIG"},
		"silent": {func(t *testing.T) string { return at(t, silent(t)) }, "KUBECONFIG"},
		"wrong token": {func(t *testing.T) string {
			return at(t, strings.TrimPrefix(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","message":"Unauthorized","code":401}`)
			})), "http://"))
		}, "KUBECONFIG"},
	} {
		for _, command := range []string{"diff", "test"} {
			t.Run(name+"/"+command, func(t *testing.T) {
				newPipeline(t)
				expectUnusable(t, command, server)
			})
		}
	}
}
