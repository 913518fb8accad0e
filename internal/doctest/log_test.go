package doctest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestLog holds the table of the handler's log messages to the code: each is there,
// with its level.
func TestLog(t *testing.T) {
	levels := make(map[string]string)
	for _, row := range rows(t, read(t, "docs/observability.md"), "| level | messages | what to do |") {
		for _, m := range code.FindAllStringSubmatch(row[1], -1) {
			levels[m[1]] = row[0]
		}
	}
	logged := make(map[string]bool)
	texts := new(strings.Builder)
	files, err := filepath.Glob(filepath.Join(root, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if text, ok := literal(n); ok {
				texts.WriteString(text + "\n")
			}
			level, message := logCall(n)
			if message == "" {
				return true
			}
			logged[message] = true
			if levels[message] != level {
				t.Errorf("%s: %q has the level %s, documented is %q", set.Position(n.Pos()), message, level, levels[message])
			}
			return true
		})
	}
	if len(logged) < 25 {
		t.Errorf("only %d messages were found", len(logged))
	}
	for message := range levels {
		// Of tokens that are refused, the message says which.
		_, of, _ := strings.Cut(message, " token ")
		if !strings.Contains(texts.String(), message) && !strings.Contains(texts.String(), "\n token "+of+"\n") {
			t.Errorf("%q is documented and not in the code", message)
		}
	}
}

// logCall returns the level and the message of a call of a logger, "" if it is none or
// its message is put together.
func logCall(n ast.Node) (level, message string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", ""
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	switch method.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
	default:
		return "", ""
	}
	text, _ := literal(call.Args[0])
	message, _ = strings.CutPrefix(text, "hotsock: ")
	return strings.ToLower(method.Sel.Name), message
}

// literal returns the text of a string literal.
func literal(n ast.Node) (text string, ok bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}
