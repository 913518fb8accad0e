// Package releasetest publishes the modules of this repository to a module
// proxy in a folder, and fetches them from there as a user will.
package releasetest

import (
	"archive/zip"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/need"
)

const (
	root = "../.."
	path = "github.com/hotsock-go/hotsock"
)

// version is that of the next release, for all modules.
const version = "v" + hotsock.Version

// users are a program for each module that users fetch.
var users = []struct{ module, program string }{
	{path, `package main

import "github.com/hotsock-go/hotsock"

func main() { _, _ = hotsock.New(hotsock.Options{}) }
`},
	{path + "/jwks", `package main

import "github.com/hotsock-go/hotsock/jwks"

func main() { _, _ = jwks.New("https://issuer.example/keys", jwks.Options{}) }
`},
	{path + "/otel", `package main

import hotsockotel "github.com/hotsock-go/hotsock/otel"

func main() { _ = hotsockotel.New(hotsockotel.Options{}) }
`},
	{path + "/outbox", `package main

import "github.com/hotsock-go/hotsock/outbox"

func main() { _, _ = outbox.New(outbox.SQLite, outbox.Options{}) }
`},
	{path + "/prom", `package main

import hotsockprom "github.com/hotsock-go/hotsock/prom"

func main() { _, _ = hotsockprom.New(nil) }
`},
}

// TestFetch fetches each module first, and alone, into an empty folder.
func TestFetch(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: builds six programs")
	}
	proxy := t.TempDir()
	for _, u := range users {
		publish(t, proxy, u.module)
	}
	// What is here already need not come over the network again.
	downloaded := filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download")
	env := append(os.Environ(),
		"GOPROXY=file://"+proxy+",file://"+downloaded+","+goEnv(t, "GOPROXY"),
		"GONOSUMDB="+path, "GOFLAGS=-modcacherw -trimpath", "GOWORK=off", "GOMODCACHE="+t.TempDir(),
	)
	for _, u := range users {
		t.Run(strings.ReplaceAll(strings.TrimPrefix(u.module, "github.com/"), "/", "."), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(u.program), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"mod", "init", "example.com/app"}, {"get", u.module + "@" + version}, {"mod", "tidy"}, {"build", "-o", os.DevNull, "."},
			} {
				cmd := exec.CommandContext(t.Context(), "go", args...)
				cmd.Dir, cmd.Env = dir, env
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
		})
	}
	// The program is no module of its own: go install takes none with a replace
	// directive, which those have here.
	t.Run("cmd.hotsock", func(t *testing.T) {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), "go", "install", path+"/cmd/hotsock@"+version)
		cmd.Dir, cmd.Env = dir, append(slices.Clip(env), "GOBIN="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go install: %v\n%s", err, out)
		}
		if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "hotsock"), "version").Output(); err != nil || string(out) != "hotsock "+hotsock.Version+"\n" {
			t.Errorf("it says %q: %v", out, err)
		}
	})
}

// TestVersions holds what nested modules require of each other to the version:
// their replace directives are for work in this repository only.
func TestVersions(t *testing.T) {
	required := regexp.MustCompile(`(?m)^\s+(github\.com/hotsock-go/hotsock\S*) (v\S+)`)
	found := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "go.mod" {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range required.FindAllStringSubmatch(string(text), -1) {
			if found++; m[2] != version {
				t.Errorf("%s requires %s %s, want %s", name, m[1], m[2], version)
			}
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatal("no go.mod requires a module of this repository:", err)
	}
}

// publish puts a module into the folder of a proxy, as a tag would.
func publish(t *testing.T, proxy, module string) {
	t.Helper()
	source := filepath.Join(root, strings.TrimPrefix(strings.TrimPrefix(module, path), "/"))
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Unix(0, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"list": []byte(version + "\n"), version + ".mod": mod, version + ".info": info} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	if err := filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != source && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
				return fs.SkipDir // another module, or no source
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		w, err := z.Create(module + "@" + version + "/" + filepath.ToSlash(rel))
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), need.Program(t, "go", "golang"), "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
