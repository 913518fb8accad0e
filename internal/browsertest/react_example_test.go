package browsertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/need"
)

// buildExample builds the page of examples/react as its README says, and returns where it is.
func buildExample(t *testing.T) string {
	t.Helper()
	need.Program(t, "npm", "npm")
	// What it has is beside it.
	root := t.TempDir()
	dir := filepath.Join(root, "examples", "react")
	for from, to := range map[string]string{"../../js": filepath.Join(root, "js"), "../../examples/react": dir} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"node_modules", "packed", "dist"} { // of whoever works on it
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"run", "packed"}, {"ci"}} {
		if err := npm(dir, args...); err != nil {
			skip(t, err)
		}
	}
	// The build looks at the types, also of what the example does not use.
	text, err := os.ReadFile("testdata/frameworks/types.tsx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "src", "types.tsx"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := npm(dir, "run", "build"); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "dist")
}

// TestReactExample: what two people do and see.
func TestReactExample(t *testing.T) {
	t.Parallel()
	dist := buildExample(t)
	b, s := startBrowser(t), &server{t: t, binary: reactBinary, addr: "127.0.0.1:0", args: []string{"-dist", dist}}
	s.start()
	t.Cleanup(s.stop)
	ada, bo := b.open("Ada", s.url()+"#Ada"), b.open("Bo", s.url()+"#Bo")
	for _, p := range []*page{ada, bo} {
		p.until("both are there", `() => document.querySelector(".members")?.textContent.split(": ")[1].split(", ").sort().join() === "Ada,Bo"`)
	}
	ada.fill("form input", "Hello")
	ada.enter()
	const last = `(text) => document.querySelector(".messages li:last-child")?.textContent === text`
	for _, p := range []*page{ada, bo} {
		p.until("the message is there", last, "Ada Hello")
	}
	ada.until("the field is empty", `() => document.querySelector("form input").value === ""`)
	bo.click(".dice button")
	bo.until("the dice lie", `() => /^Roll [1-6]$/.test(document.querySelector(".dice").textContent)`)
	eyes := strings.TrimPrefix(get[string](bo, `document.querySelector(".dice").textContent`), "Roll ")
	for _, p := range []*page{ada, bo} {
		p.until("all see the dice", last, "Bo rolled a "+eyes)
	}
	get[bool](bo, `(window.prompt = () => "Tea") && true`)
	bo.click("h1 button")
	ada.until("the topic is there", `() => document.querySelector("h1").textContent === "Tea"`)

	// Whoever comes later sees what there was.
	cy := b.open("Cy", s.url()+"#Cy")
	cy.until("the messages are there", `(text) => document.querySelector(".messages").textContent === text`, "Ada HelloBo rolled a "+eyes)
}
