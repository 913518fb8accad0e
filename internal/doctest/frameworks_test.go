package doctest

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestFrameworksCode makes sure that what the guide to frameworks shows is a part of files
// that are built and run by internal/browsertest.
func TestFrameworksCode(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"examples/react/src/*.tsx", "internal/browsertest/testdata/frameworks/*_messages.js"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			code.WriteString("\n" + read(t, filepath.Join(filepath.Dir(pattern), filepath.Base(f))))
		}
	}
	blocks, _ := fences(t, read(t, "docs/frameworks.md"))
	shown := 0
	for _, b := range blocks {
		if b.info != "tsx" && b.info != "js" {
			continue
		}
		shown++
		if !strings.Contains(code.String(), "\n"+b.body) {
			t.Errorf("line %d: the block is not a part of the files", b.line)
		}
	}
	if shown < 8 {
		t.Errorf("only %d blocks were found", shown)
	}
}
