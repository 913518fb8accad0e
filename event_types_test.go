package hotsock

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEventTypes holds the table of docs/protocol.md to the constants: each type
// of event has both, and the constant is called as the type is.
func TestEventTypes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event_types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var types, dataTypes []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if !spec.Names[0].IsExported() {
				dataTypes = append(dataTypes, value)
				return false
			}
			types = append(types, value)
			if name := strings.TrimPrefix(spec.Names[0].Name, "Event"); !strings.EqualFold("hotsock."+name, value) {
				t.Errorf("%s is called %s", value, spec.Names[0].Name)
			}
		}
		return true
	})
	text, err := os.ReadFile("docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## 15 Backend events\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var told, toldData []string
	code := regexp.MustCompile("`([^`]+)`")
	for _, row := range regexp.MustCompile("(?m)^\\| (`hotsock.*?) \\| `(\\w+)` \\|").FindAllStringSubmatch(section, -1) {
		for _, typ := range code.FindAllStringSubmatch(row[1], -1) {
			told = append(told, typ[1])
		}
		toldData = append(toldData, row[2])
	}
	slices.Sort(toldData)
	toldData = slices.Compact(toldData)
	for _, list := range [][]string{types, dataTypes, told} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(types, told); diff != "" {
		t.Errorf("types of events (-constants +docs):\n%s", diff)
	}
	if diff := cmp.Diff(dataTypes, toldData); diff != "" {
		t.Errorf("types of data (-constants +docs):\n%s", diff)
	}
}
