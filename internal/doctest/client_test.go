package doctest

import (
	"regexp"
	"strings"
	"testing"
)

// TestClientCode makes sure that the Go code which the client's guide shows is
// a part of its examples, which run.
func TestClientCode(t *testing.T) {
	const guide = "docs/client-go.md"
	examples := unindented(read(t, "client/example_test.go"))
	blocks, _ := fences(t, read(t, guide))
	shown := 0
	for _, b := range blocks {
		if b.info != "go" {
			continue
		}
		shown++
		if !strings.Contains(examples, "\n"+unindented(b.body)) {
			t.Errorf("line %d: the block is not a part of example_test.go", b.line)
		}
	}
	if shown < 3 {
		t.Errorf("only %d blocks of Go were found", shown)
	}
}

// TestClientNames finds events and error codes of the client for browsers that the guide
// does not name.
func TestClientNames(t *testing.T) {
	_, prose := fences(t, read(t, "docs/client-js.md"))
	names := regexp.MustCompile(`(?m)^  (?:on\(type: |\| )"([A-Za-z_]+)"`).FindAllStringSubmatch(read(t, "js/client.d.ts"), -1)
	if len(names) < 15 {
		t.Errorf("only %d names were found", len(names))
	}
	for _, name := range names {
		if !strings.Contains(prose, "`"+name[1]+"`") {
			t.Errorf("the guide does not name %s", name[1])
		}
	}
}
