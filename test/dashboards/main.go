package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards FOLDER")
		os.Exit(2)
	}
	for name, text := range files() {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), text, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "dashboards:", err)
			os.Exit(1)
		}
	}
}

// files are the dashboards by their file names.
func files() map[string][]byte {
	all := map[string][]byte{}
	for _, b := range []board{overview(), watchers(), syncers()} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false) // queries are full of < and >
		encoder.SetIndent("", " ")
		if err := encoder.Encode(b.model()); err != nil { // of maps, texts and numbers
			panic(err)
		}
		all[b.name+".json"] = text.Bytes()
	}
	return all
}
