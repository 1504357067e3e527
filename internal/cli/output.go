package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"
)

// outputFlag is -o with the forms that a command offers; the first is the default.
func outputFlag(forms ...string) cli.Flag {
	return &cli.StringFlag{
		Name: "output", Aliases: []string{"o"}, Value: forms[0], Usage: "`FORM` of the output: " + strings.Join(forms, ", "),
		Action: func(_ *cli.Context, form string) error {
			if !slices.Contains(forms, form) {
				return fmt.Errorf("--output is %q: %s", form, strings.Join(forms, ", "))
			}
			return nil
		},
	}
}

// printAs writes a value as json or yaml, and says whether the form was one of them.
func printAs(out io.Writer, form string, value any) (bool, error) {
	switch form {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return true, encoder.Encode(value)
	case "yaml":
		text, err := yaml.Marshal(value)
		if err != nil {
			return true, err
		}
		_, err = out.Write(text)
		return true, err
	}
	return false, nil
}

// printList writes a list as json, yaml or names, or says that there is nothing; false where a table is still to be
// written.
func printList[T any](c *cli.Context, all []T, none string, name func(T) string) (done bool, err error) {
	form := c.String("output")
	if done, err := printAs(c.App.Writer, form, all); done {
		return true, err
	}
	if form == "name" {
		for _, one := range all {
			if _, err := fmt.Fprintln(c.App.Writer, name(one)); err != nil {
				return true, err
			}
		}
		return true, nil
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(c.App.ErrWriter, none)
		return true, err
	}
	return false, nil
}

// table writes rows in aligned columns.
func table(out io.Writer, header []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
