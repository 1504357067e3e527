// Command kube-apiserver is the Kubernetes API server, built from its module
// so that a test cluster needs neither a download of a release nor a container.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
