// Command ctl runs, tests, lists and explains odasync.
package main

import (
	"os"

	"odasync/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args))
}
