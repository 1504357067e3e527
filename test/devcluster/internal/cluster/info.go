package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Info is what others need to know about a running cluster: the content of the
// ready file.
type Info struct {
	Server            string   `json:"server"`
	Kubeconfig        string   `json:"kubeconfig"`
	WatcherKubeconfig string   `json:"watcherKubeconfig"`
	Dir               string   `json:"dir"`
	Versions          []string `json:"versions"` // the newest first
	APIServerPID      int      `json:"apiserverPID"`
	APIServerPort     int      `json:"apiserverPort"`
	APIServerStarts   int      `json:"apiserverStarts"` // 1 at first, one more with each restart
	EtcdPID           int      `json:"etcdPID"`
	EtcdPort          int      `json:"etcdPort"`
	EtcdURL           string   `json:"etcdURL"`
}

// writeReadyFile reports that the cluster is usable; after a restart it changes
// only its counter and the process id.
func (c *Cluster) writeReadyFile() error {
	if c.config.ReadyFile == "" {
		return nil
	}
	text, err := json.MarshalIndent(c.info, "", "  ")
	if err != nil {
		return fmt.Errorf("encode ready file: %w", err)
	}
	return replaceFile(c.config.ReadyFile, append(text, '\n'))
}

func (c *Cluster) removeReadyFile() error {
	if c.config.ReadyFile == "" {
		return nil
	}
	if err := os.Remove(c.config.ReadyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove ready file: %w", err)
	}
	return nil
}
