package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// What a person does and sees on the assistant's page.

// answers is a condition that the nth answer, from 0, is in that state and has a text that
// long at least.
const answers = `(n, state, length) => {
	const answer = document.querySelectorAll(".answer")[n];
	return answer?.dataset.state === state && answer.querySelector(".markdown").textContent.length >= length;
}`

func (p *page) answer(n int, state string, length int) {
	p.t.Helper()
	p.until(fmt.Sprintf("answer %d is %s and has %d characters", n, state, length), answers, n, state, length)
}

// answerHTML is what the page has made of the nth answer.
func (p *page) answerHTML(n int) string {
	p.t.Helper()
	return get[string](p, fmt.Sprintf(`document.querySelectorAll(".answer .markdown")[%d].innerHTML`, n))
}

// TestAssistant: an answer survives a reload in its middle, two viewers see the same, and
// either can stop it.
func TestAssistant(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startExample(t, assistantBinary)
	ada := b.open("Ada", s.url())
	ada.until("it has a name in the address", `() => location.hash.length > 1`)
	ada.fill("#draft", "Please count to 2000")
	ada.enter()
	ada.answer(0, "open", 50)
	bo := b.open("Bo", get[string](ada, `location.href`))
	bo.answer(0, "open", 100)
	ada.do("reload", chromedp.Reload())
	ada.answer(0, "open", 100) // The text so far,
	had := get[int](ada, `document.querySelector(".answer .markdown").textContent.length`)
	ada.answer(0, "open", had+100) // and then the rest.
	if said := get[string](ada, `document.getElementById("finished").textContent`); said != "" {
		t.Errorf("what is not finished is read out: %q", said)
	}
	who := `[...document.querySelectorAll(".question .who")].map((who) => who.textContent).join()`
	if name := get[string](ada, who); name != "You" {
		t.Errorf("Ada's question is shown to her as that of %s", name)
	}
	if name := get[string](bo, who); !strings.HasPrefix(name, "guest-") {
		t.Errorf("Ada's question is shown to Bo as that of %s", name)
	}

	bo.click(".stop")
	for _, p := range []*page{ada, bo} {
		p.answer(0, "aborted", had)
		p.until("it says so", `() => document.querySelector(".answer .end").textContent === "Stopped." && !document.querySelector(".stop")`)
		p.until("it is read out", `() => document.getElementById("finished").textContent.includes("Stopped.")`)
	}
	if diff := cmp.Diff(ada.answerHTML(0), bo.answerHTML(0)); diff != "" {
		t.Errorf("what Ada (-) and Bo (+) see:\n%s", diff)
	}
	var numbers []string
	for n := range 2000 {
		numbers = append(numbers, fmt.Sprint(n+1))
	}
	text := get[string](ada, `document.querySelector(".answer p").textContent`)
	if whole := strings.Join(numbers, ", "); !strings.HasPrefix(whole, text) {
		t.Errorf("it does not count: %q", text)
	}

	bo.fill("#draft", "And some code?")
	bo.enter()
	for _, p := range []*page{ada, bo} {
		p.answer(1, "complete", 300)
	}
	live := bo.answerHTML(1)
	if !strings.Contains(live, "<pre><code>stream, err := rt.Stream(ctx") || !strings.Contains(live, "<em>stream</em>") {
		t.Errorf("it is shown as %s", live)
	}
	for _, p := range []*page{ada, bo} {
		p.do("reload", chromedp.Reload())
		p.answer(1, "complete", 300)
		if diff := cmp.Diff(live, p.answerHTML(1)); diff != "" {
			t.Errorf("%s, after it was streamed (-) and after a reload (+):\n%s", p.name, diff)
		}
	}
	ada.looksRight()
}

// looksRight holds the page to its width, in light and dark, and its controls to having
// names that can be read out.
func (p *page) looksRight() {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.emulate(scheme)
		for _, width := range []int64{1280, 390} {
			p.shape(width, 800)
			if over := get[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				p.t.Errorf("at a width of %d it is %d too wide", width, over)
			}
			if screenshotDir != "" {
				p.picture(fmt.Sprintf("assistant-%s-%d", scheme, width))
			}
		}
	}
	controls := 0
	for _, node := range command(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if node.Ignored || node.Role == nil || !slices.Contains([]string{"button", "link", "textbox"}, strings.Trim(string(node.Role.Value), `"`)) {
			continue
		}
		controls++
		if strings.Trim(string(node.Name.Value), `" `) == "" {
			p.t.Errorf("a control has no name (node %d)", node.BackendDOMNodeID)
		}
	}
	if controls < 3 {
		p.t.Errorf("there are only %d controls: the test looks at the wrong place", controls)
	}
}

// TestMarkdown: what models write becomes elements, and what is hostile stays text.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startExample(t, assistantBinary)
	p := b.open("Ada", s.url())
	const link = ` target="_blank" rel="noopener noreferrer">`
	for _, row := range []struct{ why, text, want string }{
		{"nothing", "", ``},
		{"a paragraph of two lines", "a\nb\n\nc", "<p>a\nb</p><p>c</p>"},
		{"headings are below the page's", "# A\n## B\n###### C\ntext", `<h3>A</h3><h4>B</h4><h6>C</h6><p>text</p>`},
		{"a hash is no heading", "#a", `<p>#a</p>`},
		{"a list", "- a\n* b\n  more\n\n+ c", `<ul><li>a</li><li>b more</li></ul><ul><li>c</li></ul>`},
		{"a list with numbers", "3. a\n4) b", `<ol start="3"><li>a</li><li>b</li></ol>`},
		{"bold, italic and code", "**a *b*** `**c**`", `<p><strong>a *b</strong>* <code>**c**</code></p>`},
		{"one in another", "**a `b` c** *d **e** f*", `<p><strong>a <code>b</code> c</strong> *d <strong>e</strong> f*</p>`},
		{"arithmetic", "2 * 3 * 4 ** 5", `<p>2 * 3 * 4 ** 5</p>`},
		{"without an end", "**a `b *c [d](", `<p>**a ` + "`" + `b *c [d](</p>`},
		{"code", "```go\na < b\n# c\n```\nd", "<pre><code>a &lt; b\n# c</code></pre><p>d</p>"},
		{"code so far", "```\na\n\n``", "<pre><code>a\n\n``</code></pre>"},
		{"code that has just begun", "a\n```", "<p>a</p><pre><code></code></pre>"},
		{"a link", "[a](https://example.com/?b=1)", `<p><a href="https://example.com/?b=1"` + link + `a</a></p>`},
		{"a bracket before a link", "[1] [a](http://b.c/d)", `<p>[1] <a href="http://b.c/d"` + link + `a</a></p>`},
		{"HTML", "<img src=x onerror=alert(1)><script>alert(1)</script>", `<p>&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;alert(1)&lt;/script&gt;</p>`},
		{"HTML in a heading, a list and code", "# <b>\n- <b>\n`<b>`", `<h3>&lt;b&gt;</h3><ul><li>&lt;b&gt;</li></ul><p><code>&lt;b&gt;</code></p>`},
		{"HTML in a language", "```<b>\na", `<pre><code>a</code></pre>`},
		{"a script for an address", "[a](javascript:alert(1))", `<p>[a](javascript:alert(1))</p>`},
		{"a script in disguise", "[a]( JavaScript:alert)\n[a](java\tscript:alert)", "<p>[a]( JavaScript:alert)\n[a](java\tscript:alert)</p>"},
		{"data for an address", "[a](data:text/html,b)", `<p>[a](data:text/html,b)</p>`},
		{"no scheme", "[a](//b.c) [a](/d)", `<p>[a](//b.c) [a](/d)</p>`},
		{"no address at all", "[a](https://[)", `<p>[a](https://[)</p>`},
		{"an attribute for a link", `[a](https://b.c/"onclick="alert)`, `<p>[a](https://b.c/"onclick="alert)</p>`},
		{"HTML in the text of a link", "[<b>](https://b.c/)", `<p><a href="https://b.c/"` + link + `&lt;b&gt;</a></p>`},
	} {
		got := run[[]string](p, `
			const { render } = await import("/markdown.js");
			const whole = document.createElement("div"), grown = document.createElement("div");
			render(whole, args[0]);
			for (let n = 0; n <= args[0].length; n++) render(grown, args[0].slice(0, n));
			return [whole.innerHTML, grown.innerHTML];
		`, row.text)
		if got[0] != row.want {
			t.Errorf("%s: %q is\n%s\nwant\n%s", row.why, row.text, got[0], row.want)
		}
		if got[1] != row.want {
			t.Errorf("%s: %q, character by character, is\n%s", row.why, row.text, got[1])
		}
	}

	// What has not changed stays the same element, and so what is selected in it.
	if !run[bool](p, `
		const { render } = await import("/markdown.js");
		const all = document.createElement("div");
		render(all, "a\n\nb");
		const [first, second] = all.children;
		render(all, "a\n\nbc");
		return all.children[0] === first && all.children[1] !== second;
	`) {
		t.Error("a paragraph that stays is built again")
	}

	// No text takes longer than its length explains; each of these would take minutes.
	for _, piece := range []string{"*", "**", "[", "`a", "[a](", "**a*", "*a `"} {
		run[any](p, `
			const { render } = await import("/markdown.js");
			render(document.createElement("div"), args[0].repeat(args[1]));
		`, piece, 300_000/len(piece))
	}
}
