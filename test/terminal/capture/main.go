// Command capture draws the terminal session that it reads as an SVG: see package terminal.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"odasync/test/terminal"
)

func main() {
	title := flag.String("title", "odasync", "text in the title bar")
	flag.Parse()
	session, err := io.ReadAll(os.Stdin)
	if err == nil {
		_, err = io.WriteString(os.Stdout, terminal.SVG(*title, string(session)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}
