package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNoTestSleeps: tests wait with internal/await, and sleep only in fake time: in a
// function literal of a test that has a bubble of testing/synctest, or in a helper that
// calls synctest.Wait or whose comment says that it runs in one.
func TestNoTestSleeps(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	packages := make(map[string][]*ast.File)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, filepath.Join("await", "await_test.go")) {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range packages {
		for _, at := range realSleeps(files) {
			t.Errorf("%s: real time is waited for with internal/await, which says what for", fset.Position(at))
		}
	}
}

var waits = map[string]bool{"synctest.Wait": true}

var inBubble = regexp.MustCompile(`\bbubble\b|\bfake time\b`)

// realSleeps returns where the tests of a package call time.Sleep other than in fake
// time.
func realSleeps(files []*ast.File) (at []token.Pos) {
	makers := bubbleMakers(files)
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
				at = append(at, sleeps(d, nil)...)
			case makers[fn.Name.Name], inBubble.MatchString(fn.Doc.Text()), !calls(fn, makers) && calls(fn, waits):
			default:
				at = append(at, sleeps(fn, makers)...)
			}
		}
	}
	return at
}

// bubbleMakers returns the helpers that run what they are given in a bubble.
func bubbleMakers(files []*ast.File) map[string]bool {
	makers := map[string]bool{"synctest.Test": true}
	for grown := true; grown; {
		grown = false
		for _, f := range files {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || makers[fn.Name.Name] || strings.HasPrefix(fn.Name.Name, "Test") || !calls(fn, makers) {
					continue
				}
				makers[fn.Name.Name], grown = true, true
			}
		}
	}
	return makers
}

// calls reports whether one of the functions is called in the node.
func calls(n ast.Node, functions map[string]bool) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		found = found || ok && functions[calledName(c)]
		return !found
	})
	return found
}

// sleeps returns where a function sleeps: of one that makes a bubble, only what is
// in no function literal.
func sleeps(n ast.Node, makers map[string]bool) (at []token.Pos) {
	fake := calls(n, makers)
	ast.Inspect(n, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok && fake {
			return false
		}
		if c, ok := n.(*ast.CallExpr); ok && calledName(c) == "time.Sleep" {
			at = append(at, c.Pos())
		}
		return true
	})
	return at
}

// calledName is the name of a called function; with its package if that is of the
// standard library.
func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && (x.Name == "synctest" || x.Name == "time") {
			return x.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

// TestRealSleeps: the rule tells fake time from real time.
func TestRealSleeps(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, src string
		found    int
	}{
		{"a test", `func TestX(t *testing.T) { time.Sleep(1) }`, 1},
		{"its goroutine", `func TestX(t *testing.T) { go func() { time.Sleep(1) }() }`, 1},
		{"a bubble", `func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`, 0},
		{"a table of a bubble", `func TestX(t *testing.T) { f := func() { time.Sleep(1) }; synctest.Test(t, func(t *testing.T) { f() }) }`, 0},
		{"beside a bubble", `func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1) }`, 1},
		{"a bubble of a helper", `func in(t *testing.T, f func()) { synctest.Test(t, f) }; func TestX(t *testing.T) { in(t, func() { time.Sleep(1) }) }`, 0},
		{"a helper", `func help() { time.Sleep(1) }`, 1},
		{"a helper in a bubble", "// help waits, in a bubble.\nfunc help() { time.Sleep(1) }", 0},
		{"a helper that waits for the others in the bubble", `func help() { time.Sleep(1); synctest.Wait() }`, 0},
		{"beside a bubble, also for the others", `func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1); synctest.Wait() }`, 1},
		{"a variable", `var f = func() { time.Sleep(1) }`, 1},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x_test.go", "package x\n"+row.src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := realSleeps([]*ast.File{f}); len(got) != row.found {
			t.Errorf("%s: found %d, want %d", row.why, len(got), row.found)
		}
	}
}
