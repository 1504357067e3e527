package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"odasync/internal/testcheck"
)

// source is what the module declares.
type source struct {
	packages map[string]map[string]bool // by package name: top-level names, and Type.Member
	files    map[string]bool            // base names of Go files
	tests    map[string]bool            // test, fuzz and benchmark functions
}

func declared(t *testing.T) *source {
	t.Helper()
	s := &source{packages: map[string]map[string]bool{}, files: map[string]bool{}, tests: map[string]bool{}}
	for _, folder := range []string{"cmd", "internal", "test"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				s.files[entry.Name()] = true
				s.add(file, strings.HasSuffix(path, "_test.go"))
			}
			return err
		})
		testcheck.NoError(t, err)
	}
	return s
}

func (s *source) add(file *ast.File, isTest bool) {
	names := s.packages[file.Name.Name]
	if names == nil {
		names = map[string]bool{}
		s.packages[file.Name.Name] = names
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			} else if isTest {
				s.tests[name] = true
			}
			names[name] = true
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names[name.Name] = true
					}
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
					for _, member := range members(spec.Type) {
						names[spec.Name.Name+"."+member] = true
					}
				}
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.IndexListExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

// members are the fields of a struct and the methods of an interface.
func members(of ast.Expr) (names []string) {
	var list *ast.FieldList
	switch of := of.(type) {
	case *ast.StructType:
		list = of.Fields
	case *ast.InterfaceType:
		list = of.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

var (
	repositoryPath = regexp.MustCompile(`^(cmd|internal|test|deploy|docs)/[\w./-]*$`)
	goFile         = regexp.MustCompile(`^\w+\.go$`)
	qualified      = regexp.MustCompile(`^([A-Za-z]\w*)\.([A-Za-z]\w*(?:\.[A-Za-z]\w*)?)(?:\(.*\))?$`)
	testName       = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
)

// missing says that a name of the text does not exist. Only names of the module can be told: paths, Go files, `package.Name`,
// `package.Type.Member`, `Type.Member` and tests.
func (s *source) missing(name string) bool {
	switch {
	case repositoryPath.MatchString(name):
		_, err := os.Stat(filepath.Join(root, strings.TrimSuffix(name, "...")))
		return err != nil
	case goFile.MatchString(name):
		return !s.files[name] && name != "nats.go"
	case testName.MatchString(name):
		return !s.tests[name]
	}
	found := qualified.FindStringSubmatch(name)
	if found == nil {
		return false
	}
	if names, known := s.packages[found[1]]; known {
		return !names[found[2]]
	}
	if !ast.IsExported(found[1]) {
		return false // another module's package, a file or a setting
	}
	for _, names := range s.packages {
		if names[found[1]+"."+found[2]] {
			return false
		}
	}
	return true
}

// TestNames_Exist checks every name of docs/architecture.md, and the names of tests on every page.
func TestNames_Exist(t *testing.T) {
	t.Parallel()
	s := declared(t)
	for _, p := range pages(t) {
		for _, found := range code.FindAllStringSubmatch(p.text, -1) {
			if name := found[1]; p.path == filepath.Join("docs", "architecture.md") || testName.MatchString(name) && name != "TestType_Behaviour" {
				if s.missing(name) {
					t.Errorf("%s: `%s` does not exist", p.path, name)
				}
			}
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	s := declared(t)
	names := []string{
		"internal/stream", "cmd/...", "links_test.go", "docs.TestNames_Exist", "source.missing", "docs.source.files", "TestNames_Exist",
		"json.Decoder", "values.yaml", "odasync_leader", "internal/absent", "absent.go", "docs.absent", "Absent.Method", "docs.source.absent", "TestAbsent",
	}
	var missing []string
	for _, name := range names {
		if s.missing(name) {
			missing = append(missing, name)
		}
	}
	if want := names[10:]; !slices.Equal(missing, want) {
		t.Errorf("missing %q, want %q", missing, want)
	}
}
