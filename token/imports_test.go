package token

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds what a program links that imports this package and nothing
// else: no server, no WebSocket, no store.
func TestImports(t *testing.T) {
	const module = "github.com/hotsock-go/hotsock/"
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, ".")
	list.Stderr = t.Output()
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		module + "token", module + "internal/pattern", module + "internal/protocol", module + "internal/recent",
		"github.com/go-json-experiment/json", "github.com/golang-jwt/jwt", "golang.org/x/text",
	}
	for path := range strings.Lines(string(out)) {
		path = strings.TrimSpace(path)
		if !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasPrefix(path, a+"/") }) {
			t.Errorf("links %s", path)
		}
	}
	std := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	if out, err = std.Output(); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(out)), "net/http") {
		t.Error("links net/http")
	}
}
