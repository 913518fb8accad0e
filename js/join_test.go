package js

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	imported = regexp.MustCompile(`(?m)^import .* from "\./(.*)";$`)
	declared = regexp.MustCompile(`(?m)^(?:export )?(?:async )?(?:const|let|class|function\*?) (\w+)`)
)

// TestJoin makes sure of what join takes for granted.
func TestJoin(t *testing.T) {
	owners := make(map[string]string)
	for i, name := range modules {
		text, err := sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		imports := imported.FindAllStringSubmatch(string(text), -1)
		if n := strings.Count(string(text), "import "); n != len(imports) {
			t.Errorf("%s has %d imports, %d of them in a line of their own", name, n, len(imports))
		}
		for _, m := range imports {
			if !slices.Contains(modules[:i], m[1]) {
				t.Errorf("%s comes before %s, which it imports", name, m[1])
			}
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			if other := owners[m[1]]; other != "" {
				t.Errorf("%s and %s both declare %s", other, name, m[1])
			}
			owners[m[1]] = name
		}
		for n, line := range strings.Split(string(text), "\n") {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("%s:%d: a text of several lines, of which one may look like a comment", name, n+1)
			}
		}
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(client(), ending), "\n") {
		if strings.HasPrefix(line, "export") || strings.Contains(line, "import ") || strings.HasPrefix(strings.TrimSpace(line), "//") {
			t.Errorf("it is served with %q", line)
		}
	}
}
