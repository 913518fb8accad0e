package js_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/need"
)

// packages are the folders of the npm packages.
var packages = []string{".", "react"}

type manifest struct {
	Name, Version, License, Types string
	Repository                    struct{ Directory string }
	SideEffects                   *bool
	Files                         []string
	Exports                       map[string]map[string]string
	PeerDependencies              map[string]string
}

func readManifest(t *testing.T, dir string) manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// tarballOf is the file that npm pack makes.
func tarballOf(m manifest) string {
	return strings.NewReplacer("@", "", "/", "-").Replace(m.Name) + "-" + m.Version + ".tgz"
}

// TestPackages makes sure that what each package.json names is there, and that the
// packages have the version and the license of the library.
func TestPackages(t *testing.T) {
	license, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range packages {
		m := readManifest(t, dir)
		names := append(slices.Clone(m.Files), m.Types)
		for _, exported := range m.Exports {
			for _, name := range exported {
				names = append(names, name)
				if !slices.Contains(m.Files, strings.TrimPrefix(name, "./")) {
					t.Errorf("%s exports %s, which is not packed", m.Name, name)
				}
			}
		}
		for _, name := range append(names, "README.md") {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
		if own, err := os.ReadFile(filepath.Join(dir, "LICENSE")); err != nil || string(own) != string(license) {
			t.Errorf("%s has another license: %v", m.Name, err)
		}
		if m.Version != hotsock.Version || m.License != "MIT" || m.SideEffects == nil || *m.SideEffects {
			t.Errorf("%s is of version %s, with the license %s", m.Name, m.Version, m.License)
		}
		if want := filepath.Join("js", dir); m.Repository.Directory != want {
			t.Errorf("%s is in %s, not in %s", m.Name, want, m.Repository.Directory)
		}
		tarball := tarballOf(m)
		if example, err := os.ReadFile("../examples/react/package.json"); err != nil || !strings.Contains(string(example), `"file:packed/`+tarball+`"`) {
			t.Errorf("examples/react does not use %s: %v", tarball, err)
		}
		for name, version := range m.PeerDependencies {
			if strings.HasPrefix(name, "@hotsock-go/") && version != "^"+hotsock.Version {
				t.Errorf("%s wants %s %s", m.Name, name, version)
			}
		}
	}
}

// TestPacked installs the package as an app does that keeps the tarball with its source:
// in one folder, and from what that has written down in another, by somebody else, without
// a network. Then it builds the app.
func TestPacked(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: runs npm and bundlers")
	}
	need.Program(t, "npm", "npm")
	first, second := newApp(t), newApp(t)
	npm(t, first, "pack", "--pack-destination", first, source(t, "."))
	m := readManifest(t, ".")
	tarball := tarballOf(m)
	npm(t, first, "install", "--offline", "./"+tarball)
	for _, name := range []string{"package.json", "package-lock.json", tarball} {
		move(t, filepath.Join(first, name), filepath.Join(second, name))
	}
	npm(t, second, "ci", "--offline")
	t.Run("in a container", func(t *testing.T) { installContained(t, second, tarball, first) })
	packed, err := filepath.Glob(filepath.Join(second, "node_modules", m.Name, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range packed {
		packed[i] = filepath.Base(name)
	}
	if want := []string{
		"LICENSE", "README.md", "channel.js", "choice.js", "client.d.ts", "client.js", "connection.js", "data.d.ts",
		"delivery.js", "emitter.js", "error.js", "frame.js", "index.d.ts", "index.js", "jobs.js", "members.js",
		"messages.d.ts", "messages.js", "option.js", "package.json", "patience.js", "socket.d.ts", "socket.js", "stream.js",
		"subscriptions.js",
	}; !slices.Equal(packed, want) {
		t.Errorf("the package has %q, want %q", packed, want)
	}

	// The bundlers look for the package from the app, and are found from there.
	bundlers := filepath.Join(second, "bundlers")
	if err := os.CopyFS(bundlers, os.DirFS("testdata/bundlers")); err != nil {
		t.Fatal(err)
	}
	if out, err := runNPM(t, bundlers, "ci"); err != nil {
		if strings.Contains(out, "EUSAGE") {
			t.Fatal(out) // The lock file is not that of package.json.
		}
		need.Skip(t, "needs bundlers from the npm registry: "+err.Error()+"\n"+out)
	}
	for name, args := range map[string][]string{
		"esbuild": {"node_modules/.bin/esbuild", "../app.js", "--bundle", "--outdir=../esbuild", "--log-limit=0"},
		"rollup":  {"node_modules/.bin/rollup", "--plugin", "node-resolve", "../app.js", "--dir", "../rollup", "--failAfterWarnings"},
		"vite":    {"node_modules/.bin/vite", "build", "..", "--outDir", "vite", "--logLevel", "warn"},
		"webpack": {"node", "webpack.js"},
	} {
		t.Run(name, func(t *testing.T) { build(t, second, name, args) })
	}
}

// installContained installs what an app has written down, as another machine does: without
// a network, this module's source, and the folder where the package was made.
func installContained(t *testing.T, app, tarball, maker string) {
	t.Helper()
	if os.Getuid() != 0 {
		need.Skip(t, "needs root, for a container")
	}
	need.Program(t, "unshare", "util-linux")
	dir := newApp(t)
	for _, name := range []string{"package.json", "package-lock.json", tarball} {
		text, err := os.ReadFile(filepath.Join(app, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const script = `for hidden in "$@"; do mount -t tmpfs none "$hidden"; done
		exec npm ci --offline --no-audit --no-fund --ignore-scripts`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "sh", "-ec", script, "sh", source(t, ".."), maker)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@hotsock-go", "client", "index.js")); err != nil {
		t.Error(err)
	}
}

// build has a bundler build the app, and runs the result: one file that needs no other, and
// has nothing of the machine that built it.
func build(t *testing.T, app, bundler string, args []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = filepath.Join(app, "bundlers")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(strings.ToLower(string(out)), "warn") {
		t.Fatalf("%v\n%s", err, out)
	}
	var scripts []string
	if err := filepath.Walk(filepath.Join(app, bundler), func(name string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && filepath.Base(name) != "index.html" {
			scripts = append(scripts, name)
		}
		return err
	}); err != nil || len(scripts) != 1 {
		t.Fatalf("it has written %q: %v", scripts, err)
	}
	text, err := os.ReadFile(scripts[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, alien := range []string{"import.meta", "file:", app} {
		if strings.Contains(string(text), alien) {
			t.Errorf("the bundle contains %q", alien)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "node", "--input-type=module", "--eval", string(text))
	if out, err := run.CombinedOutput(); err != nil || string(out) != "closed\n" {
		t.Errorf("the bundle says %q: %v", out[max(0, len(out)-500):], err) // behind the text of the bundle
	}
}

// newApp returns a folder of an app.
func newApp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/app")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func source(t *testing.T, dir string) string {
	t.Helper()
	path, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func npm(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := runNPM(t, dir, args...); err != nil {
		t.Fatalf("npm %q: %v\n%s", args, err, out)
	}
}

// runNPM runs npm as somebody who has never run it, but for what it has downloaded.
func runNPM(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append(args, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")...)
	cmd.Dir = dir
	if !slices.Contains(args, "ci") || slices.Contains(args, "--offline") {
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
