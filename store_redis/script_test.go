package storeredis

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestScripts holds the files in lua to what readers and callers rely on: each
// names all that it takes, says what it returns, has the frame of the others, and is
// used; and readCommands to be complete.
func TestScripts(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			code.Write(src)
		}
	}
	variables := make(map[string]string) // by file
	for _, m := range regexp.MustCompile(`(\w+) += new(?:Script|Reader|Batcher)\("(\w+)"`).FindAllStringSubmatch(code.String(), -1) {
		variables[m[2]] = m[1]
	}
	var given []string
	for _, m := range regexp.MustCompile(`command\{"([A-Z]+)"`).FindAllStringSubmatch(code.String(), -1) {
		given = append(given, m[1])
	}
	slices.Sort(given)
	if given = slices.Compact(given); !slices.Equal(given, readCommands) {
		t.Errorf("read.lua is given %v, of which readCommands must be the list: %v", given, readCommands)
	}
	lua, err := fs.ReadDir(sources, "lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lua {
		src, err := sources.ReadFile("lua/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(f.Name(), ".lua")
		if m := regexp.MustCompile(`(KEYS|ARGV)\[`).Find(src); m != nil {
			t.Errorf("%s has %s: all that scripts take has names", f.Name(), m)
		}
		head, body, _ := strings.Cut(string(src), "\n\n")
		if strings.HasPrefix(head, "-- Put in front of ") {
			if variables[name] != "" {
				t.Errorf("%s is a part of others, and run as %s", f.Name(), variables[name])
			}
			continue
		}
		for _, want := range []string{"-- " + name + " ", "\n-- RETURNS  ok"} {
			if !strings.Contains(head, want) {
				t.Errorf("the head of %s has no %q", f.Name(), want)
			}
		}
		if !regexp.MustCompile(`(?m)^return (operation|reading)\(function\([a-z]*\)\n|^return batch\(`).MatchString(body) {
			t.Errorf("%s has no frame: see operation.lua, batch.lua and reading.lua", f.Name())
		}
		if v := variables[name]; v == "" || strings.Count(code.String(), v) < 2 {
			t.Errorf("%s is not used", f.Name())
		}
	}
}
