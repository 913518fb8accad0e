package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

const readme = "README.md"

// TestReadmeCode makes sure that the Go code which the README shows compiles
// and, but for what needs a Redis, runs: each block is a part of an example in
// this package.
func TestReadmeCode(t *testing.T) {
	examples := unindented(read(t, "internal/doctest/readme_example_test.go"))
	blocks, _ := fences(t, read(t, readme))
	shown := 0
	for _, b := range blocks {
		if b.info != "go" {
			continue
		}
		shown++
		if !strings.Contains(examples, "\n"+unindented(b.body)) {
			t.Errorf("line %d: the block is not a part of readme_example_test.go", b.line)
		}
	}
	if shown < 10 {
		t.Errorf("only %d blocks of Go were found", shown)
	}
}

func unindented(code string) string {
	var lines strings.Builder
	for line := range strings.Lines(code) {
		lines.WriteString(strings.TrimLeft(line, "\t"))
	}
	return lines.String()
}

// TestReadmeVersion makes sure that the README and others speak of the
// version that the library says it is.
func TestReadmeVersion(t *testing.T) {
	for doc, want := range map[string]string{
		readme:         "The latest release is " + hotsock.Version + ",",
		"CHANGELOG.md": "\n## [" + hotsock.Version + "]",
		// The client is released with the library.
		"js/package.json": `"version": "` + hotsock.Version + `"`,
	} {
		if !strings.Contains(read(t, doc), want) {
			t.Errorf("%s does not say %q", doc, want)
		}
	}
}

// TestReadmeOptions compares the README's table of options with the fields of
// hotsock.Options, and the defaults with those in the comments.
func TestReadmeOptions(t *testing.T) {
	names, comments := optionFields(t)
	var got []string
	for _, row := range rows(t, read(t, readme), "| option | default | what it is |") {
		name := strings.Trim(row[0], "`")
		got = append(got, name)
		comment := comments[name]
		if row[1] == "none" || row[1] == "any" {
			if strings.Contains(strings.ToLower(comment), "defaults to") {
				t.Errorf("%s has a default: %s", name, comment)
			}
			continue
		}
		if !regexp.MustCompile(`(?i)defaults to ` + regexp.QuoteMeta(row[1]) + `[.,; ]`).MatchString(comment) {
			t.Errorf("the comment of %s has another default than %q: %s", name, row[1], comment)
		}
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("options (-options.go +%s):\n%s", readme, diff)
	}
}

// optionFields returns the names of the fields, in their order, and their
// comments on one line.
func optionFields(t *testing.T) (names []string, comments map[string]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "options.go"), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments = make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Options" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			for _, name := range field.Names {
				names = append(names, name.Name)
				comments[name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
			}
		}
		return false
	})
	if len(names) == 0 {
		t.Fatal("options.go has no Options")
	}
	return names, comments
}

// TestReadmeProxy makes sure that the README's short configuration of nginx says
// nothing else than the guide's, which is run by tests.
func TestReadmeProxy(t *testing.T) {
	settings := func(doc string) []string {
		blocks, _ := fences(t, read(t, doc))
		for _, b := range blocks {
			if b.info == "nginx" {
				return strings.Split(unindented(strings.ReplaceAll(b.body, "    ", "")), "\n")
			}
		}
		t.Fatalf("%s has no configuration of nginx", doc)
		return nil
	}
	guide := settings("docs/mounting.md")
	for _, line := range settings(readme) {
		if !strings.HasPrefix(line, "proxy_pass ") && !slices.Contains(guide, line) {
			t.Errorf("the guide does not say %q", line)
		}
	}
}
