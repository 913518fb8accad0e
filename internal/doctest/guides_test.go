package doctest

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// TestGuideCode makes sure that the Go code which a guide shows is a part of
// files that are compiled and run by tests.
func TestGuideCode(t *testing.T) {
	for guide, from := range map[string]struct {
		files []string
		least int // blocks
	}{
		"docs/tokens.md":      {[]string{"internal/doctest/recipes_test.go", "internal/doctest/keys_example_test.go", "internal/doctest/revoke_example_test.go", "internal/doctest/refresh_example_test.go", "jwks/example_test.go"}, 21},
		"docs/reliability.md": {[]string{"internal/doctest/grace_example_test.go", "internal/doctest/liveness_example_test.go"}, 2},
		"docs/outbox.md":      {[]string{"outbox/example_test.go"}, 5},
		"docs/online.md":      {[]string{"internal/doctest/online_example_test.go"}, 4},
		"docs/privacy.md":     {[]string{"internal/doctest/privacy_example_test.go"}, 2},
		"docs/console.md":     {[]string{"console/example_test.go", "internal/doctest/console_example_test.go"}, 4},
		"docs/calls.md":       {[]string{"internal/doctest/calls_example_test.go"}, 5},
		"docs/control.md":     {[]string{"internal/doctest/control_example_test.go"}, 1},
		"docs/edits.md":       {[]string{"internal/doctest/edits_example_test.go"}, 5},
		"docs/streams.md":     {[]string{"internal/doctest/streams_example_test.go"}, 3},
		"docs/hooks.md":       {[]string{"internal/doctest/hooks_example_test.go"}, 6},
		"docs/writing-a-store.md": {[]string{
			"examples/simplestore/store_test.go", "examples/simplestore/node.go", "examples/simplestore/channel.go",
			"examples/simplestore/message.go", "examples/simplestore/subscription.go", "examples/simplestore/storage.go",
			"examples/simplestore/reaction.go", "examples/simplestore/edit.go", "examples/simplestore/erase.go", "examples/simplestore/schedule.go",
		}, 12},
		"docs/mounting.md": {[]string{"examples/routers/routers.go", "examples/routers/main.go", "internal/doctest/mounting_example_test.go"}, 8},
	} {
		var files strings.Builder
		for _, f := range from.files {
			files.WriteString(unindented(read(t, f)))
		}
		blocks, _ := fences(t, read(t, guide))
		shown := 0
		for _, b := range blocks {
			if b.info != "go" {
				continue
			}
			shown++
			if !strings.Contains(files.String(), "\n"+unindented(b.body)) {
				t.Errorf("%s, line %d: the block is not a part of %v", guide, b.line, from.files)
			}
		}
		if shown < from.least {
			t.Errorf("%s: only %d blocks of Go were found", guide, shown)
		}
	}
}

// TestIndex makes sure that the index of the documents has all of them.
func TestIndex(t *testing.T) {
	index := read(t, "docs/README.md")
	for _, doc := range documents(t) {
		name := path.Base(doc)
		if path.Dir(doc) == "docs" && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not link to %s", name)
		}
	}
}

// TestModelsIndex checks the form of llms.txt (a title, a summary, sections of
// links with a description), that what it links to is there, and that it has
// all documents.
func TestModelsIndex(t *testing.T) {
	const (
		name = "llms.txt"
		base = "https://github.com/hotsock-go/hotsock/blob/main/"
	)
	text := read(t, name)
	lines := strings.Split(text, "\n")
	if !strings.HasPrefix(lines[0], "# ") || !strings.HasPrefix(lines[2], "> ") {
		t.Errorf("%s does not begin with a title and a summary", name)
	}
	linked := make(map[string]bool)
	for i, line := range lines {
		entry, ok := strings.CutPrefix(line, "- ")
		if !ok {
			continue
		}
		m := linkTarget.FindStringSubmatchIndex(entry)
		if m == nil || !strings.HasPrefix(entry, "[") || !strings.HasPrefix(entry[m[1]:], ": ") {
			t.Errorf("%s, line %d is not a link with a description: %s", name, i+1, line)
			continue
		}
		target, ok := strings.CutPrefix(entry[m[2]:m[3]], base)
		if !ok {
			t.Errorf("%s, line %d links to elsewhere: %s", name, i+1, line)
			continue
		}
		linked[target] = true
		if _, err := os.Stat(filepath.Join(root, target)); err != nil {
			t.Errorf("%s, line %d: %v", name, i+1, err)
		}
	}
	for _, doc := range documents(t) {
		if !linked[doc] {
			t.Errorf("%s does not link to %s", name, doc)
		}
	}
}

// TestEventsCode makes sure that the recipe in the guide to events is code that a test
// runs.
func TestEventsCode(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/events.md"), "\n## Work only while somebody is subscribed\n")
	blocks, _ := fences(t, section)
	if code := unindented(read(t, "internal/doctest/events_example_test.go")); !strings.Contains(code, "\n"+unindented(blocks[0].body)) {
		t.Error("the first block is not a part of events_example_test.go")
	}
}
