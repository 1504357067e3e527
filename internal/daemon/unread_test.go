package daemon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

func TestEveryVariableIsRead(t *testing.T) {
	sources := map[string]string{}
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		content, err := os.ReadFile(file)
		sources[file] = string(content)
		return err
	})
	testcheck.NoError(t, err)
	all, unread := readVariables(t, sources)
	var want []string
	for _, v := range variables() {
		want = append(want, v.Name)
	}
	slices.Sort(want)
	// What both processes read may stand in the configuration of both.
	testcheck.Equal(t, "variables that the processes load (-) and env tags in the source (+)", want, slices.Compact(all))
	for _, name := range unread {
		t.Errorf("nothing reads %s", name)
	}
}

// The check above can fail.
func TestUnreadVariablesAreFound(t *testing.T) {
	sources := map[string]string{
		"x/disk/config.go": "package disk\n" +
			"type Config struct {\n" +
			"\tUsed string `env:\"USED\"`\n" +
			"\tElsewhere string `env:\"ELSEWHERE\"`\n" +
			"\tChecked string `env:\"CHECKED\"`\n" +
			"\tHelped string `env:\"HELPED, default=1\"`\n" +
			"\tWritten string `env:\"WRITTEN\"`\n" +
			"\tNamesake string `env:\"NAMESAKE\"`\n" +
			"\tNobody string `env:\"NOBODY\"`\n" +
			"}\n" +
			"func (c Config) Validate() error { return check(c.Checked) }\n" +
			"func (c Config) validateMore() error { return check(c.Checked) }\n" +
			"func (c *Config) helped() string { return c.Helped }\n" +
			"type disk struct{ cfg Config }\n" +
			"func (d *disk) run() { use(d.cfg.Used); d.cfg.Written = `x` }\n" +
			"type other struct{ Namesake string }\n" +
			"func (o other) run() { use(o.Namesake) }\n",
		"x/main/main.go": "package main\n" +
			"type all struct { Disk disk.Config }\n" +
			"func run(a all) { use(a.Disk.Elsewhere) }\n",
	}
	_, unread := readVariables(t, sources)
	testcheck.Equal(t, "unread", []string{"CHECKED", "NAMESAKE", "NOBODY", "WRITTEN"}, unread)
}

// tagged is a field that a variable fills.
type tagged struct {
	section  string // package and type, such as kube.Config
	field    string
	variable string
}

// readVariables lists the variables of all env tags, and those whose field no code outside a validation reads. It
// knows what holds a section by the declared type of fields, parameters, receivers and variables.
func readVariables(t *testing.T, sources map[string]string) (all, unread []string) {
	t.Helper()
	packages := map[string][]*ast.File{}
	for path, source := range sources {
		file := testcheck.Must(parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution))
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
	}
	var fields []tagged
	for _, files := range packages {
		for _, file := range files {
			fields = append(fields, taggedFields(file)...)
		}
	}
	read := map[tagged]bool{}
	for _, files := range packages {
		held := map[string][]string{} // the names by which a package knows a section
		for _, file := range files {
			holders(file, held)
		}
		for _, file := range files {
			selectors(file, func(holder, name string) {
				for _, f := range fields {
					if f.field == name && slices.Contains(held[f.section], holder) {
						read[f] = true
					}
				}
			})
		}
	}
	for _, f := range fields {
		all = append(all, f.variable)
		if !read[f] {
			unread = append(unread, f.variable)
		}
	}
	slices.Sort(all)
	slices.Sort(unread)
	return all, unread
}

func taggedFields(file *ast.File) (found []tagged) {
	ast.Inspect(file, func(n ast.Node) bool {
		declared, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		record, ok := declared.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, field := range record.Fields.List {
			if field.Tag == nil || len(field.Names) == 0 {
				continue
			}
			name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("env"), ",")
			if name != "" {
				found = append(found, tagged{file.Name.Name + "." + declared.Name.Name, field.Names[0].Name, name})
			}
		}
		return false
	})
	return found
}

// holders notes the names that are declared with a type, by the type's full name.
func holders(file *ast.File, held map[string][]string) {
	note := func(kind ast.Expr, names []*ast.Ident) {
		if star, ok := kind.(*ast.StarExpr); ok {
			kind = star.X
		}
		section := ""
		switch kind := kind.(type) {
		case *ast.Ident:
			section = file.Name.Name + "." + kind.Name
		case *ast.SelectorExpr:
			section = lastName(kind.X) + "." + kind.Sel.Name
		}
		for _, name := range names {
			held[section] = append(held[section], name.Name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			note(n.Type, n.Names)
		case *ast.ValueSpec:
			note(n.Type, n.Names)
		}
		return true
	})
}

// selectors yields holder.name for each value that is read outside a validation.
func selectors(file *ast.File, yield func(holder, name string)) {
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || strings.HasPrefix(strings.ToLower(function.Name.Name), "validate") {
			continue
		}
		written := map[ast.Expr]bool{}
		ast.Inspect(function, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					written[left] = true
				}
			case *ast.SelectorExpr:
				if !written[n] {
					yield(lastName(n.X), n.Sel.Name)
				}
			}
			return true
		})
	}
}

func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}
