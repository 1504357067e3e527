package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"time"
)

const etcdStartTimeout = time.Minute

// startEtcd starts etcd and waits until the server at its port is the one
// started here.
func (c *Cluster) startEtcd(ctx context.Context, peerPort int) error {
	client := "http://" + hostPort(c.info.EtcdPort)
	peer := "http://" + hostPort(peerPort)
	var err error
	c.etcd, err = startProcess("etcd", filepath.Join(c.config.BinDir, "etcd"), []string{
		"--name", c.name,
		"--data-dir", filepath.Join(c.config.Dir, "etcd"),
		"--listen-client-urls", client,
		"--advertise-client-urls", client,
		"--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer,
		"--initial-cluster", c.name + "=" + peer,
		"--initial-cluster-token", c.name,
		"--log-level", "warn",
		// The data need not survive a power failure, and fsync makes tests slow.
		"--unsafe-no-fsync",
		// The default of 2 GiB is too little for a test with 100,000 objects.
		"--quota-backend-bytes", strconv.Itoa(8 << 30),
	}, filepath.Join(c.config.Dir, "logs", "etcd.log"), c.deaths)
	if err != nil {
		return err
	}
	c.info.EtcdURL = client
	c.info.EtcdPID = c.etcd.pid()
	return c.await(ctx, etcdStartTimeout, "etcd", c.checkEtcd)
}

// etcdREST speaks to etcd's JSON gateway.
func (c *Cluster) etcdREST() *restClient {
	return &restClient{base: c.info.EtcdURL, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (c *Cluster) checkEtcd(ctx context.Context) error {
	var list struct {
		Members []struct {
			Name string `json:"name"`
		} `json:"members"`
	}
	err := c.etcdREST().do(ctx, http.MethodPost, "/v3/cluster/member/list", "application/json", struct{}{}, &list)
	if err != nil {
		return err
	}
	if len(list.Members) != 1 || list.Members[0].Name != c.name {
		return fmt.Errorf("port %d belongs to another etcd with members %+v", c.info.EtcdPort, list.Members)
	}
	return nil
}

// compact makes etcd forget every revision before the current one.
func (c *Cluster) compact(ctx context.Context) error {
	var status struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	rest := c.etcdREST()
	if err := rest.do(ctx, http.MethodPost, "/v3/maintenance/status", "application/json", struct{}{}, &status); err != nil {
		return fmt.Errorf("ask etcd's revision: %w", err)
	}
	if status.Header.Revision == "" {
		return errors.New("ask etcd's revision: the answer has none")
	}
	request := map[string]any{"revision": status.Header.Revision, "physical": true}
	if err := rest.do(ctx, http.MethodPost, "/v3/kv/compaction", "application/json", request, nil); err != nil {
		return fmt.Errorf("compact etcd at revision %s: %w", status.Header.Revision, err)
	}
	return nil
}
