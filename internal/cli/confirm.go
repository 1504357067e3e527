package cli

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"odasync/internal/ops"
	"odasync/internal/printable"
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
	case !ask(c, question, args...):
		return negative(c, errors.New("nothing was changed"))
	}
	return nil
}

// interactive reports whether there is a person to ask.
func interactive(c *cli.Context) bool {
	return ops.IsTerminal(c.App.Reader) && ops.IsTerminal(c.App.ErrWriter)
}

// ask asks a question on the terminal, and reports whether the answer is yes.
func ask(c *cli.Context, question string, args ...any) bool {
	fmt.Fprint(c.App.ErrWriter, printable.Line(fmt.Sprintf(question, args...)), " [y/N] ")
	answer, _ := bufio.NewReader(c.App.Reader).ReadString('\n') // the end of the input is no
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}
