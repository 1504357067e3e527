package completion

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Command is the hidden command that the scripts run.
const Command = "__complete"

//go:embed ctl.bash
var bash string

//go:embed ctl.zsh
var zsh string

//go:embed ctl.fish
var fish string

// Shells are the shells with a script.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Script returns the script of a shell.
func Script(shell string) (string, error) {
	n := slices.Index(Shells(), shell)
	if n < 0 {
		return "", fmt.Errorf("no completion for the shell %q: %s", shell, strings.Join(Shells(), ", "))
	}
	return []string{bash, zsh, fish}[n], nil
}

// Words returns the words of a command line as the program would get them: bash splits words at =.
func Words(words []string) []string {
	var joined []string
	for n, word := range words {
		switch {
		case word != "=":
			joined = append(joined, word)
		case n == len(words)-1: // the value after it is still empty
			joined = append(joined, "")
		}
	}
	return joined
}
