package js

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/need"
)

// compiler is the release of TypeScript that the types are tried with.
const compiler = "typescript@7.0.2"

// TestTypes compiles what an app may write against client.d.ts, and holds
// client.js to it. It needs npm, from which it gets the compiler. Where there is
// none, TestClientIsDeclared of internal/browsertest still compares the names.
func TestTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: runs the TypeScript compiler")
	}
	dir := t.TempDir()
	files := map[string]string{
		"client.d.ts":                  "client.d.ts",
		"data.d.ts":                    "data.d.ts",
		"socket.d.ts":                  "socket.d.ts",
		"testdata/types/usage.ts":      "usage.ts",
		"testdata/types/events.ts":     "events.ts",
		"testdata/types/tsconfig.json": "tsconfig.json",
	}
	for _, name := range modules {
		files[name] = name
	}
	files["client.js"] = "source.js" // beside its types it would not be looked at
	for from, to := range files {
		text, err := os.ReadFile(filepath.FromSlash(from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	need.Program(t, "npm", "npm")
	if out, err := tsc(t, dir, "--version"); err != nil {
		need.Skip(t, fmt.Sprintf("needs %s from the npm registry: %v\n%s", compiler, err, out))
	}
	if out, err := tsc(t, dir, "--project", dir); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func tsc(t *testing.T, dir string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append([]string{"exec", "--yes", "--package=" + compiler, "--", "tsc"}, args...)...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}
