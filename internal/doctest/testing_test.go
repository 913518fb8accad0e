package doctest

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTestingCode makes sure that the Go code of docs/testing.md compiles and
// runs: each block is a part of the test kit's examples or of the example app.
func TestTestingCode(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples/testing/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	code := unindented(read(t, "hotsocktest/example_test.go"))
	for _, f := range files {
		code += unindented(read(t, filepath.Join("examples/testing", filepath.Base(f))))
	}
	blocks, _ := fences(t, read(t, "docs/testing.md"))
	for _, b := range blocks {
		if !strings.Contains(code, "\n"+unindented(b.body)) {
			t.Errorf("line %d: the block is not a part of the examples", b.line)
		}
	}
	if len(blocks) < 7 {
		t.Errorf("only %d blocks were found", len(blocks))
	}
}
