package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/need"
)

// What the tests of frameworks need: testdata/frameworks, bundled.

func bundles() string { return filepath.Join(scratch, "frameworks", "out") }

// bundle installs and bundles the frameworks, once for all tests.
var bundle = sync.OnceValue(func() error {
	dir := filepath.Join(scratch, "frameworks")
	if err := os.CopyFS(dir, os.DirFS("testdata/frameworks")); err != nil {
		return err
	}
	if err := npm(dir, "ci"); err != nil {
		return err
	}
	for name, from := range map[string]string{"client": "../../js", "react": "../../js/react"} {
		if err := os.CopyFS(filepath.Join(dir, "node_modules", "@hotsock-go", name), os.DirFS(from)); err != nil {
			return err
		}
	}
	cmd := exec.Command("node_modules/.bin/esbuild", "react.js", "vue.js", "svelte.js", "--bundle", "--format=esm", "--outdir=out",
		`--define:process.env.NODE_ENV="development"`, // with StrictMode
		"--define:__VUE_OPTIONS_API__=false", "--define:__VUE_PROD_DEVTOOLS__=false", "--define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("esbuild: %w\n%s", err, out)
	}
	return nil
})

// skip skips the test if the npm registry cannot be reached.
func skip(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "EUSAGE") {
		t.Fatal(err) // The lock file is not that of package.json.
	}
	need.Skip(t, "needs the npm registry: "+err.Error())
}

func npm(dir string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append(args, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm %q: %w\n%s", args, err, out)
	}
	return nil
}

// openFramework opens a page that has a framework as "framework", and a client.
func (b *browser) openFramework(name, url, framework, claims string) *page {
	b.t.Helper()
	need.Program(b.t, "npm", "npm")
	if err := bundle(); err != nil {
		skip(b.t, err)
	}
	p := b.open(name, url+"open")
	run[any](p, `
		await import("/page.js");
		globalThis.framework = await import("/frameworks/" + args[0] + ".js");
		document.body.append(Object.assign(document.createElement("main"), { id: "app" }));
		globalThis.client = new hotsock.Client({ token: async () => args[1] });
		globalThis.errors = record(client, "error");
		globalThis.shows = (text) => until(() => document.getElementById("app").textContent === text);
		client.connect();
		await until(() => client.state === "open");
	`, framework, signed(b.t, "connect", claims))
	return p
}
