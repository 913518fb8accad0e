// Package doctest holds the documents to the code: what they show is what
// compiles, runs and goes over the wire.
package doctest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the folder of the module.
const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A fence is a block of code in a document.
type fence struct {
	line int
	info string // what follows the opening backquotes
	body string
}

// fences returns the blocks of code in a document, and the document without
// them.
func fences(t *testing.T, text string) (blocks []fence, prose string) {
	t.Helper()
	var open *fence
	var kept strings.Builder
	for i, line := range strings.SplitAfter(text, "\n") {
		info, mark := strings.CutPrefix(line, "```")
		switch {
		case mark && open == nil:
			open = &fence{line: i + 1, info: strings.TrimSpace(info)}
		case mark:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.body += line
		default:
			kept.WriteString(line)
		}
	}
	if open != nil {
		t.Fatalf("the block of line %d does not end", open.line)
	}
	return blocks, kept.String()
}

// rows returns the rows of the table with that header, cell by cell.
func rows(t *testing.T, text, header string) [][]string {
	t.Helper()
	_, after, ok := strings.Cut(text, "\n"+header+"\n")
	if !ok {
		t.Fatalf("there is no table %q", header)
	}
	_, after, _ = strings.Cut(after, "\n") // the line below the header
	var table [][]string
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			break
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), " | ") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		table = append(table, cells)
	}
	return table
}

// documents returns the names of all documents, with slashes.
func documents(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			name, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(name))
		}
	}
	if len(names) < 5 {
		t.Fatalf("only %d documents: %v", len(names), names)
	}
	return names
}

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	// What GitHub leaves out of a heading's anchor.
	notAnchor = regexp.MustCompile(`[^\pL\pN _-]`)
)

// TestLinks finds links to what is not there.
func TestLinks(t *testing.T) {
	for _, doc := range documents(t) {
		_, prose := fences(t, read(t, doc))
		for _, m := range linkTarget.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := doc
			if file != "" {
				target = filepath.Join(filepath.Dir(doc), file)
				if _, err := os.Stat(filepath.Join(root, target)); err != nil {
					t.Errorf("%s links to %s: %v", doc, m[1], err)
					continue
				}
			}
			if anchor != "" && !anchors(t, target)[anchor] {
				t.Errorf("%s links to %s, which has no such heading", doc, m[1])
			}
		}
	}
}

// TestLists finds lines that look like a paragraph and belong to the list above.
func TestLists(t *testing.T) {
	swallowed := regexp.MustCompile(`(?m)^(?:- |\d+\. |  +\S).*\n([^\s\-|#<\d].*)$`)
	for _, doc := range documents(t) {
		_, prose := fences(t, read(t, doc))
		for _, m := range swallowed.FindAllStringSubmatch(prose, -1) {
			t.Errorf("%s: no empty line between a list and %q", doc, m[1])
		}
	}
}

// TestCommentLinks does the same for what comments in the code refer to.
func TestCommentLinks(t *testing.T) {
	refers := regexp.MustCompile(`\b(docs/[a-z-]+\.md)(?:#([a-z0-9-]+[a-z0-9]))?`)
	byNumber := regexp.MustCompile(`(?i)\bprotocol(\.md)?,? sections? [0-9]`)
	seen := 0
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "markdown_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range refers.FindAllStringSubmatch(string(text), -1) {
			seen++
			switch _, err := os.Stat(filepath.Join(root, m[1])); {
			case err != nil:
				t.Errorf("%s refers to %s: %v", path, m[1], err)
			case m[2] != "" && !anchors(t, m[1])[m[2]]:
				t.Errorf("%s refers to %s, which has no such heading", path, m[0])
			}
		}
		// A number means another section when one is added.
		if m := byNumber.FindString(comments(string(text))); m != "" {
			t.Errorf("%s refers to %q: name the heading, docs/protocol.md#5-messages", path, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Errorf("only %d references were found", seen)
	}
}

// comments joins the lines of comments, so that sentences are whole.
func comments(code string) string {
	return regexp.MustCompile(`\n\s*//`).ReplaceAllString(code, "")
}

func anchors(t *testing.T, doc string) map[string]bool {
	t.Helper()
	_, prose := fences(t, read(t, doc))
	found := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(prose, -1) {
		name := notAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}
