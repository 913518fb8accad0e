package doctest

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

const protocol = "docs/protocol.md"

// TestFrames compares the frames of the document with the golden files that
// package wire is tested against: each is shown, and nothing else is.
func TestFrames(t *testing.T) {
	golden := make(map[string]bool) // whether it is shown
	files, err := filepath.Glob(filepath.Join(root, "testdata/frames/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	names := make(map[string]string)
	for _, f := range files {
		name := "testdata/frames/" + filepath.Base(f)
		frame := strings.TrimSuffix(read(t, name), "\n")
		golden[frame] = false
		names[frame] = name
	}
	blocks, prose := fences(t, read(t, protocol))
	for _, b := range blocks {
		if b.info != "json" {
			continue
		}
		for line := range strings.Lines(b.body) {
			frame := strings.TrimSuffix(line, "\n")
			if _, ok := golden[frame]; !ok {
				t.Errorf("line %d: the block shows what is not a golden frame:\n%s", b.line, frame)
			}
			golden[frame] = true
		}
	}
	for frame, shown := range golden {
		if !shown {
			t.Errorf("%s is not shown:\n%s", names[frame], frame)
		}
	}
	// Frames in the text would escape the comparison.
	if i := strings.Index(prose, `{"`); i >= 0 {
		t.Errorf("there is JSON outside of a block: %.60q", prose[i:])
	}
}

// TestExamplesOfTypes makes sure that claims and events are shown with members
// that exist: they survive being read into the types and written again.
func TestExamplesOfTypes(t *testing.T) {
	shown := map[string]int{}
	blocks, _ := fences(t, read(t, protocol))
	for _, b := range blocks {
		var into any
		switch b.info {
		case "json claims":
			into = new(hotsock.Claims)
		case "json event":
			into = &hotsock.Event{Data: new(hotsock.EventSubscriptionData)}
		default:
			continue
		}
		shown[b.info]++
		if err := json.Unmarshal([]byte(b.body), into); err != nil {
			t.Errorf("line %d: %v", b.line, err)
			continue
		}
		again, err := json.Marshal(into)
		if err != nil {
			t.Errorf("line %d: %v", b.line, err)
			continue
		}
		if diff := cmp.Diff(anyJSON(t, []byte(b.body)), anyJSON(t, again)); diff != "" {
			t.Errorf("line %d: not the same when written again (-shown +written):\n%s", b.line, diff)
		}
		if c, ok := into.(*hotsock.Claims); ok && c.ConnectionID == "" && c.UID == "" {
			t.Errorf("line %d: the claims are for nobody", b.line)
		}
		if e, ok := into.(*hotsock.Event); ok && e.Metadata.HotsockVersion != hotsock.Version {
			t.Errorf("line %d: the version is %q", b.line, hotsock.Version)
		}
	}
	if diff := cmp.Diff(map[string]int{"json claims": 2, "json event": 1}, shown); diff != "" {
		t.Errorf("blocks (-want +got):\n%s", diff)
	}
}

func anyJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestErrorTable compares the document's table of errors with the code's.
func TestErrorTable(t *testing.T) {
	want := errorTable(t)
	got := make(map[string]int)
	for _, row := range rows(t, read(t, protocol), "| code | HTTP | what it means |") {
		if len(row) != 3 {
			t.Fatalf("the row is not whole: %q", row)
		}
		status, err := strconv.Atoi(row[1])
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
		}
		if _, twice := got[row[0]]; twice {
			t.Errorf("%s is there twice", row[0])
		}
		if len(row[2]) < 10 || !strings.HasSuffix(row[2], ".") {
			t.Errorf("%s is not described: %q", row[0], row[2])
		}
		got[row[0]] = status
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes and their status (-errors.go +%s):\n%s", protocol, diff)
	}
}

// errorTable reads the unexported table of errors.go from its source.
func errorTable(t *testing.T) map[string]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	status := statusNames()
	texts := make(map[string]string) // of the constants
	codes := make(map[string]int)    // by name of the constant
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			if texts[spec.Names[0].Name], err = strconv.Unquote(value.Value); err != nil {
				t.Fatal(err)
			}
		case *ast.CompositeLit:
			if spec.Names[0].Name != "codes" {
				break
			}
			for _, element := range value.Elts {
				row := element.(*ast.KeyValueExpr)
				name := row.Value.(*ast.CompositeLit).Elts[0].(*ast.SelectorExpr).Sel.Name
				if status[name] == 0 {
					t.Fatalf("http.%s is not known here", name)
				}
				codes[row.Key.(*ast.Ident).Name] = status[name]
			}
		}
		return true
	})
	table := make(map[string]int)
	for name, text := range texts {
		if strings.HasPrefix(name, "Code") {
			table[text] = codes[name] // 0 if the table lacks it
		}
	}
	if len(table) == 0 || len(table) != len(codes) {
		t.Fatalf("%d codes, %d rows in the table", len(table), len(codes))
	}
	return table
}

// statusNames returns the values of net/http's constants by their names, which
// are made of the texts.
func statusNames() map[string]int {
	names := make(map[string]int)
	for code := 400; code < 600; code++ {
		if text := http.StatusText(code); text != "" {
			names["Status"+strings.ReplaceAll(text, " ", "")] = code
		}
	}
	return names
}
