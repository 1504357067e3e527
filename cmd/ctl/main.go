// Command ctl runs, inspects and repairs odasync.
package main

import (
	"os"

	"odasync/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args))
}
