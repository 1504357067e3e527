package cluster

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A second cluster must notice that the etcd at its port is not its own.
func TestCheckEtcd(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		ok           bool
	}{
		{"our own", `{"members":[{"name":"devcluster-a"}]}`, true},
		{"another devcluster's", `{"members":[{"name":"devcluster-b"}]}`, false},
		{"one that we joined by mistake", `{"members":[{"name":"devcluster-a"},{"name":"devcluster-b"}]}`, false},
		{"something else", `{}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte(test.answer))
			}))
			defer server.Close()
			c := &Cluster{name: "devcluster-a", info: Info{EtcdURL: server.URL}}
			if err := c.checkEtcd(t.Context()); (err == nil) != test.ok {
				t.Errorf("error %v, want one: %v", err, !test.ok)
			}
		})
	}
}
