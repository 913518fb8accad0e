package browsertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hotsock-go/hotsock/internal/need"
)

// fetchAxe gets axe-core from the npm registry, once for all tests: what it is and its
// hash are in testdata/axe.
var fetchAxe = sync.OnceValues(func() (source string, err error) {
	dir, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.CopyFS(dir, os.DirFS("testdata/axe")); err != nil {
		return "", err
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(text), err
})

// axeSource returns the source of axe-core, which looks at a page for what keeps people from
// using it. The test is skipped where it cannot be had.
func axeSource(t *testing.T) string {
	t.Helper()
	need.Program(t, "npm", "npm")
	source, err := fetchAxe()
	if err != nil {
		need.Skip(t, fmt.Sprintf("needs axe-core from the npm registry: %v", err))
	}
	return source
}

// accessible looks at what the page shows, light and dark. Only colours differ in the
// dark, and so only their contrast is looked at there.
func (p *page) accessible(axe, what string) {
	p.t.Helper()
	if !get[bool](p, `"axe" in globalThis`) {
		p.do("load axe", chromedp.Evaluate[chromedp.Void](axe))
	}
	for scheme, rules := range map[string]any{"light": nil, "dark": []string{"color-contrast"}} {
		p.emulate(scheme)
		found := run[[]struct {
			ID, Impact string
			Nodes      []string
		}](p, `
			const runOnly = args[0] ? { type: "rule", values: args[0] } : undefined;
			const { violations } = await axe.run(document, { runOnly, resultTypes: ["violations"], preload: false });
			return violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(
				({ html, failureSummary }) => html.slice(0, 200) + "\n" + failureSummary) }));
		`, rules)
		for _, v := range found {
			p.t.Errorf("%s, %s: %s (%s)\n%s", what, scheme, v.ID, v.Impact, strings.Join(v.Nodes, "\n"))
		}
	}
	p.emulate("light")
}

// TestConsoleIsAccessible looks at each tab, on a phone and on a desktop.
func TestConsoleIsAccessible(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	s := startConsole(t, "-api-key", "key")
	for _, width := range []int64{390, 1280} {
		p := startBrowser(t).open("Ada", s.base)
		p.shape(width, 844)
		p.ready()
		p.accessible(axe, fmt.Sprintf("before anything, %d px", width))
		p.fillConsole(s)
		for _, name := range consoleTabs(width) {
			p.tab(name)
			p.accessible(axe, fmt.Sprintf("%s, %d px", name, width))
		}
	}
}

// TestChatIsAccessible looks at a conversation and at what can be opened in it.
func TestChatIsAccessible(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	for _, width := range []int64{390, 1280} {
		s, b := startServer(t), startBrowser(t)
		p := b.open("Ada Lovelace", s.url())
		p.shape(width, 844)
		look := func(state string) { p.accessible(axe, fmt.Sprintf("%s, %d px", state, width)) }
		p.until("it asks for a name", `() => document.getElementById("join").open`)
		look("the door")
		p.enter()
		p.connected()
		look("an empty room")
		bo, mia := b.join("Bo", s.url()), b.join("Mia Chen", s.url())
		talk(t, p, bo, mia)
		p.remind("Leave for the lake", "900", "room")
		look("a conversation")
		p.click(".own.last .react")
		look("the reactions")
		for _, dialog := range []string{"reminder", "settings", "notes"} {
			p.press(kb.Escape)
			p.tool("open-" + dialog)
			p.until("it is open", `(id) => document.getElementById(id).open && document.getElementById("pending-note").textContent !== "Loading …"`, dialog)
			look(dialog)
		}
		p.press(kb.Escape)
		if width < 500 {
			p.click(".menu")
			look("rooms and people")
			p.press(kb.Escape)
			p.click(".opener")
			look("the menu of the room")
		}
	}
}
