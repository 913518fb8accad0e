package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	architecture = "docs/architecture.md"
	module       = "github.com/hotsock-go/hotsock"
)

var code = regexp.MustCompile("`([^`]+)`")

// TestImports compares the document's table of packages with what the packages
// import.
func TestImports(t *testing.T) {
	documented := make(map[string][]string)
	for _, row := range rows(t, read(t, architecture), "| package | is | imports |") {
		var imports []string
		for _, m := range code.FindAllStringSubmatch(row[len(row)-1], -1) {
			imports = append(imports, m[1])
		}
		name := code.FindStringSubmatch(row[0])[1]
		if len(row) < 3 { // the last cell is empty
			imports = nil
		}
		documented[name] = imports
	}
	if diff := cmp.Diff(actualImports(t), documented); diff != "" {
		t.Errorf("imports of the packages (-code +%s):\n%s", architecture, diff)
	}
}

// actualImports returns what the packages of the module import of it, those
// aside that nobody can import or that are examples.
func actualImports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{if .GoFiles}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "./...")
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		name := short(paths[0])
		if strings.HasPrefix(name, "examples/") {
			continue
		}
		var ours []string
		for _, path := range paths[1:] {
			if path == module || strings.HasPrefix(path, module+"/") {
				ours = append(ours, short(path))
			}
		}
		slices.Sort(ours)
		imports[name] = ours
	}
	return imports
}

func short(path string) string {
	if path == module {
		return "hotsock"
	}
	return strings.TrimPrefix(path, module+"/")
}

var (
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	qualified  = regexp.MustCompile(`\b[A-Za-z_/]+\.([A-Za-z]+)\b`)
)

// TestNames finds what the document names and the code does not have any more:
// files, and things such as Handler.publish.
func TestNames(t *testing.T) {
	blocks, prose := fences(t, read(t, architecture))
	spans := code.FindAllString(prose, -1)
	for _, b := range blocks {
		spans = append(spans, b.body)
	}
	known := identifiers(t)
	checked := 0
	for _, span := range spans {
		for _, name := range qualified.FindAllStringSubmatch(span, -1) {
			checked++
			if name[1] == "go" || name[1] == "lua" {
				if _, err := os.Stat(filepath.Join(root, name[0])); err != nil {
					t.Error(err)
				}
			} else if !known[name[1]] {
				t.Errorf("%s: nothing of that name is in the code", name[0])
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d names were found", checked)
	}
}

// folders are those of the code that the document is about.
var folders = []string{
	".", "store", "store/storetest", "internal/socket", "internal/wire", "internal/protocol", "internal/permission", "token",
	"store_memory", "store_redis",
}

// identifiers returns all words of the module's code, tests aside.
func identifiers(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range identifier.FindAllString(string(text), -1) {
				found[name] = true
			}
		}
	}
	return found
}

// TestLocks finds locks that the document's table leaves out.
func TestLocks(t *testing.T) {
	listed := make(map[string]bool)
	for _, row := range rows(t, read(t, architecture), "| lock | guards | held during a call of the store |") {
		for _, m := range code.FindAllStringSubmatch(row[0], -1) {
			listed[m[1]] = true
		}
	}
	for folder, prefix := range map[string]string{".": "", "internal/socket": "socket.", "internal/permission": "permission."} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, lock := range locks(f) {
				if !listed[prefix+lock] {
					t.Errorf("%s: %s%s is in no row", file, prefix, lock)
				}
			}
		}
	}
}

// locks returns the fields of a file's structs that are mutexes.
func locks(f *ast.File) (names []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				if typ, ok := field.Type.(*ast.SelectorExpr); ok && strings.HasSuffix(typ.Sel.Name, "Mutex") {
					for _, name := range field.Names {
						names = append(names, spec.Name.Name+"."+name.Name)
					}
				}
			}
		}
		return false
	})
	return names
}

// banned are words that one thing of the glossary once had besides its own.
var banned = []string{
	"agenda", "beginning", "bury", "debt", "enroll", "happening", "lane", "outcome", "owed", "payday", "resubscribe",
	"settle", "stretch", "throttle", "vote", "weigh",
}

// TestWords finds words in identifiers that the glossary has better ones for.
func TestWords(t *testing.T) {
	word := regexp.MustCompile(`[A-Z]?[a-z]+`)
	for _, folder := range slices.Concat(folders, []string{"hotsocktest", "sink_redis", "webhook", "jwks", "console", "internal/recent", "internal/table"}) {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && !strings.HasSuffix(file, "_test.go") {
					for _, w := range word.FindAllString(id.Name, -1) {
						if slices.Contains(banned, strings.ToLower(w)) {
							t.Errorf("%s: %s: see the glossary", set.Position(id.Pos()), id.Name)
						}
					}
				}
				return true
			})
		}
	}
}
