// Command etcd is the etcd server, built from its module so that a test
// cluster needs no download of a release.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
