package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"odasync/test/devcluster/crd"
	"odasync/test/devcluster/internal/cluster"
)

func parseFlags(args []string) (cluster.Config, error) {
	var config cluster.Config
	flags := flag.NewFlagSet("devcluster", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error
	flags.StringVar(&config.Dir, "dir", "", "`folder` of data, certificates, kubeconfigs and logs, kept at the end (default a temporary one, removed at the end)")
	flags.StringVar(&config.BinDir, "bin", "", "`folder` of the programs etcd and kube-apiserver (default the folder of devcluster)")
	flags.StringVar(&config.Kubeconfig, "kubeconfig", "", "`file` to write the admin's kubeconfig to (default kubeconfig in --dir)")
	flags.StringVar(&config.ReadyFile, "ready-file", "", "`file` to write addresses and process ids to, as JSON, once Components can be read and watched")
	flags.IntVar(&config.APIServerPort, "apiserver-port", 0, "`port` of kube-apiserver (default a free one)")
	flags.IntVar(&config.EtcdPort, "etcd-port", 0, "`port` of etcd (default a free one)")
	versions := flags.String("versions", "", "comma-separated `list` of the Component versions to serve (default v1,v1beta4,v1beta3,v1beta2)")
	flags.Func("apiserver-arg", "further `argument` of kube-apiserver, such as --feature-gates=…; may be given several times", func(arg string) error {
		config.APIServerArgs = append(config.APIServerArgs, arg)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Println("devcluster runs a local Kubernetes API server that serves ODA Components.")
			flags.SetOutput(os.Stdout)
			flags.PrintDefaults()
		}
		return config, err
	}
	if flags.NArg() > 0 {
		return config, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *versions != "" {
		config.Versions = strings.Split(*versions, ",")
		// Reports an unknown version before anything is started.
		if _, err := crd.Definition(config.Versions); err != nil {
			return config, err
		}
	}
	if config.BinDir == "" {
		self, err := os.Executable()
		if err != nil {
			return config, fmt.Errorf("find the folder of devcluster: %w: give --bin", err)
		}
		config.BinDir = filepath.Dir(self)
	}
	// The paths are printed and written to files for programs that run elsewhere.
	for _, path := range []*string{&config.Dir, &config.BinDir, &config.Kubeconfig, &config.ReadyFile} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return config, fmt.Errorf("resolve %s: %w", *path, err)
		}
		*path = absolute
	}
	return config, nil
}
