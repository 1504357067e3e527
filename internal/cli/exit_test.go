package cli_test

import (
	"net"
	"strings"
	"testing"
)

// TestExecute_InterruptedIs130 interrupts commands that wait for a server that accepts connections and never answers.
func TestExecute_InterruptedIs130(t *testing.T) {
	for _, args := range []string{"list", "health --url http://ADDRESS", "replay --all"} {
		t.Run(args, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			accepted := make(chan net.Conn, 8)
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						close(accepted)
						return
					}
					accepted <- conn
				}
			}()
			t.Cleanup(func() {
				_ = listener.Close() // ends the goroutine
				for conn := range accepted {
					_ = conn.Close()
				}
			})
			environment(t, map[string]string{"NATS_URL": "nats://" + listener.Addr().String()})
			got := start(t, strings.Fields(strings.ReplaceAll(args, "ADDRESS", listener.Addr().String()))...).
				stopWhen(t, func() bool { return len(accepted) > 0 })
			got.expect(t, 130, "ctl: interrupted")
		})
	}
}
