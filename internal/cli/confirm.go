package cli

import (
	"bufio"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"odasync/internal/ops"
)

// errUnconfirmed means that there is no terminal to ask on, and no --yes.
var errUnconfirmed = errors.New("not confirmed: add --yes, or run it on a terminal, where ctl asks")

// confirm asks before a command destroys something, unless --yes is given. It returns errUnconfirmed where it cannot ask; the
// answer no is a negative result.
func confirm(c *cli.Context, question string, args ...any) error {
	switch {
	case c.Bool("yes"):
		return nil
	case !interactive(c):
		return errUnconfirmed
	}
	yes, err := ask(c, question, args...)
	if err == nil && !yes {
		return negative(c, errUnchanged)
	}
	return err
}

// errUnchanged means that a command has not begun to change anything.
var errUnchanged = errors.New("nothing was changed")

// interactive reports whether there is a person to ask.
func interactive(c *cli.Context) bool {
	return ops.IsTerminal(c.App.Reader) && ops.IsTerminal(c.App.ErrWriter)
}

// ask asks a question on the terminal, and reports whether the answer is yes. It returns errUnchanged after Ctrl-C.
func ask(c *cli.Context, question string, args ...any) (yes bool, err error) {
	prompt(c, question, args...)
	answers := make(chan string, 1)
	go func() { // it waits for a line even after Ctrl-C, until the process ends
		answer, _ := bufio.NewReader(c.App.Reader).ReadString('\n') // the end of the input is no
		answers <- answer
	}()
	select {
	case answer := <-answers:
		return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))), nil
	case <-c.Context.Done():
		note(c, "") // leaves the line of the question
		return false, errUnchanged
	}
}
