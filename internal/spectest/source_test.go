package spectest

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The handler's tables are not exported, so they are read in its source.

// parse returns a file of the root package.
func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join("..", "..", name), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// table returns the elements of a variable's literal.
func table(t *testing.T, file, name string) []ast.Expr {
	t.Helper()
	var found []ast.Expr
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == name && len(v.Values) == 1 {
			if c, ok := v.Values[0].(*ast.CompositeLit); ok {
				found = c.Elts
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s has no table %s", file, name)
	}
	return found
}

func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	l, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("a table has %T in the place of a string", e)
	}
	s, err := strconv.Unquote(l.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// routesOfHandler returns all "METHOD path" that the handler answers, with "*"
// for an open segment, sorted.
func routesOfHandler(t *testing.T) []string {
	t.Helper()
	all := []string{"GET client.js", "GET stream"}
	for _, e := range table(t, "clientapi.go", "operations") {
		all = append(all, "POST connection/"+literal(t, e.(*ast.KeyValueExpr).Key))
	}
	for _, e := range table(t, "http_routes.go", "routes") {
		call := e.(*ast.CallExpr)
		for _, m := range call.Args[1:] {
			method := m.(*ast.CompositeLit).Elts[0].(*ast.SelectorExpr).Sel.Name
			all = append(all, strings.ToUpper(strings.TrimPrefix(method, "Method"))+" "+literal(t, call.Args[0]))
		}
	}
	slices.Sort(all)
	return all
}

// commandsOfHandler returns the commands as the document names their messages,
// sorted.
func commandsOfHandler(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, e := range table(t, "connection_command.go", "commands") {
		name := strings.TrimPrefix(e.(*ast.KeyValueExpr).Key.(*ast.SelectorExpr).Sel.Name, "Event")
		if name == "UMDUpdate" {
			name = "UmdUpdate"
		}
		if name == "Pong" { // the server sends one, too
			name = "ClientPong"
		}
		all = append(all, strings.ToLower(name[:1])+name[1:])
	}
	slices.Sort(all)
	return all
}

// codesOfHandler returns all error codes.
func codesOfHandler(t *testing.T) []string {
	t.Helper()
	var all []string
	ast.Inspect(parse(t, "errors.go"), func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Code") && len(v.Values) == 1 {
			all = append(all, literal(t, v.Values[0]))
		}
		return true
	})
	if len(all) == 0 {
		t.Fatal("errors.go has no codes")
	}
	return all
}
