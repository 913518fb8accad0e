package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocComments finds declarations whose comment begins with the name of another
// one: of what they were called before, or of what stood below the comment.
func TestDocComments(t *testing.T) {
	camelCase := regexp.MustCompile(`^[a-z]+[A-Z]\w*`)
	checked := 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		check := func(name *ast.Ident, doc *ast.CommentGroup) {
			if first := camelCase.FindString(doc.Text()); first != "" {
				checked++
				if first != name.Name {
					t.Errorf("%s: the comment of %s is that of %s", set.Position(name.Pos()), name.Name, first)
				}
			}
		}
		for _, decl := range f.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				check(decl.Name, decl.Doc)
			case *ast.GenDecl:
				if spec, ok := decl.Specs[0].(*ast.TypeSpec); ok && decl.Tok == token.TYPE {
					check(spec.Name, decl.Doc)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 100 {
		t.Errorf("only %d comments were checked", checked)
	}
}

// TestContributing finds files that CONTRIBUTING.md names and that are not there.
func TestContributing(t *testing.T) {
	file := regexp.MustCompile("`([\\w/.-]+\\.(?:go|md|mod|sh))`")
	files := file.FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1)
	for _, name := range files {
		if _, err := os.Stat(filepath.Join(root, name[1])); err != nil {
			t.Error(err)
		}
	}
	if len(files) < 3 {
		t.Errorf("only %d names were found", len(files))
	}
}

// TestNamedTests finds tests and benchmarks that a document or a comment names and that
// are not there.
func TestNamedTests(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)[A-Z]\w*)\(`)
	named := regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w*\b`)
	// They stand for others.
	examples := map[string]bool{"TestOrderShipped": true, "TestSomething": true, "TestX": true}
	there := make(map[string]bool)
	where := make(map[string]string) // one place of each name
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".lua", ".md", ".sh":
		default:
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range declared.FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
		for _, name := range named.FindAll(text, -1) {
			where[string(name)] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range where {
		if !there[name] && !examples[name] {
			t.Errorf("%s: there is no %s", path, name)
		}
	}
}
