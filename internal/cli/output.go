package cli

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"odasync/internal/cli/render"
	"odasync/internal/ops"
	"odasync/internal/printable"
)

// line writes a line for people. Whatever they read is written by it, [table] or [note], which escape what a terminal would not
// show: the text of a component or a registry must not control the terminal or forge lines.
func line(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintln(out, printable.Line(fmt.Sprintf(format, args...)))
	return err
}

// note prints a message to stderr.
func note(c *cli.Context, format string, args ...any) { printMessage(c.App.ErrWriter, format, args...) }

// printMessage is line for a message that may have several lines, such as the problems of a configuration.
func printMessage(out io.Writer, format string, args ...any) {
	fmt.Fprintln(out, printable.Lines(fmt.Sprintf(format, args...)))
}

// page writes lines that were printed before, on a terminal through the program in PAGER.
func page(c *cli.Context, text string) error {
	if pager := os.Getenv("PAGER"); pager != "" && ops.IsTerminal(c.App.Writer) {
		command := exec.CommandContext(c.Context, "sh", "-c", pager)
		command.Stdin, command.Stdout, command.Stderr = strings.NewReader(text), c.App.Writer, c.App.ErrWriter
		if command.Run() == nil {
			return nil
		}
	}
	return write(c.App.Writer, text)
}

// write writes text that was printed before, or is not of others.
func write(out io.Writer, text string) error {
	_, err := io.WriteString(out, text)
	return err
}

// prompt writes a question, without an end of the line.
func prompt(c *cli.Context, question string, args ...any) {
	fmt.Fprint(c.App.ErrWriter, printable.Line(fmt.Sprintf(question, args...)), " [y/N] ")
}

// printAs writes a value as json or yaml, or by a JSONPath template, and reports whether the format is one of them.
func printAs(out io.Writer, format string, value any) (bool, error) {
	return render.Value(out, format, value)
}

// printList writes a list as json, yaml or names, or reports that it is empty; false where the caller has to write a table.
func printList[T any](c *cli.Context, all []T, none string, name func(T) string) (done bool, err error) {
	format := c.String("output")
	if done, err := printAs(c.App.Writer, format, all); done {
		return true, err
	}
	if format == "name" {
		for _, one := range all {
			if err := line(c.App.Writer, "%s", name(one)); err != nil {
				return true, err
			}
		}
		return true, nil
	}
	if len(all) == 0 {
		note(c, "%s", none)
		return true, nil
	}
	return false, nil
}

// table writes rows in aligned columns, in the style that the flags select.
func table(c *cli.Context, header []string, rows [][]string) error {
	return style(c).Table(c.App.Writer, header, rows)
}

// style is how the command's tables look.
func style(c *cli.Context) render.Style {
	return render.Style{NoHeaders: c.Bool("no-headers"), Color: ops.UseColor(c.App.Writer, c.String("color"))}
}

// printer prints lines and tables in a row, and keeps the first error.
type printer struct {
	out   io.Writer
	style render.Style
	err   error
}

func newPrinter(c *cli.Context) printer { return printer{out: c.App.Writer, style: style(c)} }

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		p.err = line(p.out, format, args...)
	}
}

// marked prints a line that begins with a mark, in its colour, padded to the width.
func (p *printer) marked(mark string, width int, text string) {
	padding := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(mark)))
	if p.err == nil {
		p.err = write(p.out, "  "+p.style.Word(mark)+padding+" "+strings.TrimRight(printable.Line(text), " ")+"\n")
	}
}

func (p *printer) table(header []string, rows [][]string) {
	if p.err == nil {
		p.err = p.style.Table(p.out, header, rows)
	}
}
