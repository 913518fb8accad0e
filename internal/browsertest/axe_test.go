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

// accessible looks at what the page shows on screens of these widths, light and dark.
// Only colours differ in the dark, and so only their contrast is looked at there.
func (p *page) accessible(axe, what string, widths ...int64) {
	p.t.Helper()
	if !get[bool](p, `"axe" in globalThis`) {
		p.do("load axe", chromedp.Evaluate[chromedp.Void](axe))
	}
	for _, width := range widths {
		p.shape(width, 844)
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
				p.t.Errorf("%s, %d px, %s: %s (%s)\n%s", what, width, scheme, v.ID, v.Impact, strings.Join(v.Nodes, "\n"))
			}
		}
	}
}

// The screens of a desktop and a phone.
const wide, narrow = 1280, 390

// TestConsoleIsAccessible looks at each tab.
func TestConsoleIsAccessible(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	s := startConsole(t, "-api-key", "key")
	p := startBrowser(t).open("Ada", s.base)
	p.ready()
	p.accessible(axe, "before anything", wide, narrow)
	p.fillConsole(s)
	p.accessible(axe, "traffic", narrow) // which is beside the others otherwise
	for _, name := range consoleTabs(wide) {
		p.tab(name)
		p.accessible(axe, name, wide, narrow)
	}
}

// TestChatIsAccessible looks at a conversation and at what can be opened in it.
func TestChatIsAccessible(t *testing.T) {
	t.Parallel()
	axe := axeSource(t)
	s, b := startServer(t), startBrowser(t)
	p := b.open("Ada Lovelace", s.url())
	p.until("it asks for a name", `() => document.getElementById("join").open`)
	p.accessible(axe, "the door", wide, narrow)
	p.enter()
	p.connected()
	p.accessible(axe, "an empty room", wide, narrow)
	bo, mia := b.join("Bo", s.url()), b.join("Mia Chen", s.url())
	talk(t, p, bo, mia)
	p.remind("Leave for the lake", "900", "room")
	p.accessible(axe, "a conversation", wide, narrow)
	p.click(".own.last .react")
	p.accessible(axe, "the reactions", narrow)
	for _, dialog := range []string{"reminder", "settings", "notes"} {
		p.press(kb.Escape)
		p.tool("open-" + dialog)
		p.until("it is open", `(id) => document.getElementById(id).open && document.getElementById("pending-note").textContent !== "Loading …"`, dialog)
		p.accessible(axe, dialog, wide, narrow)
	}
	for what, opener := range map[string]string{"rooms and people": ".menu", "the menu of the room": ".opener"} {
		p.press(kb.Escape)
		p.click(opener)
		p.accessible(axe, what, narrow)
	}
}
