package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/hotsock-go/hotsock/internal/need"
)

// deadline is how long a page may take for what a test waits for. It is long,
// because a browser on a busy machine can be very slow.
const deadline = time.Minute

// pollInterval is the time between two looks at a page.
const pollInterval = 20 * time.Millisecond

// A browser is a Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// startBrowser starts Chromium, until the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := need.Program(t, "chromium", "chromium")
	alloc, stopAlloc := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", true),
		chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		// It has no mouse unless told so, and then every page takes itself to be
		// on a phone.
		chromedp.Flag("blink-settings", "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"),
	)
	t.Cleanup(stopAlloc)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return &browser{t: t, ctx: ctx}
}

// A page is a tab of a user's own: nothing is shared with other pages.
type page struct {
	t    *testing.T
	name string
	ctx  context.Context

	mu       sync.Mutex
	problems []string
	// linkMayBreak permits what Chromium logs when it cannot reach a server.
	linkMayBreak bool
	// requestsMayFail permits what it logs about answers such as 404.
	requestsMayFail bool
}

// open opens a page. When the test ends, it fails if there were errors on the
// page's console, or violations of its content security policy.
func (b *browser) open(name, url string) *page {
	b.t.Helper()
	p := &page{t: b.t, name: name}
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.watch))
	b.t.Cleanup(stop)
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context
		b.t.Fatal(err)
	}
	command(p, audits.Enable, cdp.Empty{})
	// Otherwise only one page at a time would believe that it is looked at.
	command(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.emulate("light")
	p.shape(1280, 800)
	p.do("open", chromedp.Navigate(url))
	b.t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, problem := range p.problems {
			b.t.Errorf("on %s's page: %s", name, problem)
		}
	})
	return p
}

// shape gives the page the screen of a desktop or, if it is narrow, of a phone.
// A page that was on a phone once has no mouse any more.
func (p *page) shape(width, height int64) {
	p.t.Helper()
	phone := width < 500
	command(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 2, Mobile: phone,
	})
	if phone {
		command(p, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	}
}

// emulate sets what the page is told of its user's preferences.
func (p *page) emulate(scheme string) {
	p.t.Helper()
	command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"}, // so that nothing is seen half-way
	}})
}

// watch is given all that the browser reports of the page.
func (p *page) watch(event any) {
	var problem string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		details, _ := json.Marshal(e.ExceptionDetails)
		problem = fmt.Sprintf("uncaught: %s", details)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			args, _ := json.Marshal(e.Args)
			problem = fmt.Sprintf("console.%s: %s", e.Type, args)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			problem = fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		details, _ := json.Marshal(e.Issue.Details)
		problem = fmt.Sprintf("issue: %s %s", e.Issue.Code, details)
	}
	if problem == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.linkMayBreak && (strings.Contains(problem, "net::ERR_") || strings.Contains(problem, "WebSocket connection to")) {
		return
	}
	if p.requestsMayFail && strings.Contains(problem, "the server responded with a status of 4") {
		return
	}
	p.problems = append(p.problems, problem)
}

// expectBrokenLinks says that from now on the server may be out of reach.
func (p *page) expectBrokenLinks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.linkMayBreak = true
}

// expectFailures says that from now on the server may refuse requests.
func (p *page) expectFailures() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requestsMayFail = true
}

// do carries out actions, within the deadline.
func (p *page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.failf("%s: %v", what, err)
	}
}

// command sends a command of the DevTools protocol.
func command[P, R any](p *page, c cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	r, err := chromedp.Call(ctx, c, params)
	if err != nil {
		p.failf("%s: %v", c.Method, err)
	}
	return r
}

// get evaluates a JavaScript expression.
func get[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.failf("%s: %v", expression, err)
	}
	return v
}

// until waits until a JavaScript function of these arguments is true. It
// asks from here, because the page's policy lets no text become a function.
func (p *page) until(why, condition string, args ...any) {
	p.t.Helper()
	encoded, err := json.Marshal(append([]any{}, args...)) // never null
	if err != nil {
		p.t.Fatal(err)
	}
	expression := fmt.Sprintf("Boolean((%s)(...%s))", condition, encoded)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	for {
		// A page that is being left cannot be asked; the next one can.
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		switch {
		case err == nil && is:
			return
		case ctx.Err() != nil:
			p.failf("waited in vain until %s: %v", why, err)
		}
		<-tick.C
	}
}

// failf ends the test, and shows what the page shows.
func (p *page) failf(format string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`)) // if it can still be had
	p.t.Fatalf("%s's page: %s\nIt shows:\n%s", p.name, fmt.Sprintf(format, args...), text)
}

// click clicks on the first element that matches the selector.
func (p *page) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill replaces what a field contains, key by key.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.do("fill "+selector,
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).select()`, selector)),
		chromedp.SendKeys(chromedp.CSS(selector), text))
}

// press presses a key, wherever the focus is.
func (p *page) press(key string) {
	p.t.Helper()
	p.do("press "+key, chromedp.KeyEvent(key))
}

// enter presses the Enter key. Key and character are one event, as they are on
// a keyboard: a page that handles the key does not get the character too.
func (p *page) enter() {
	p.t.Helper()
	event := input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: '\r', Text: "\r",
	}
	command(p, input.DispatchKeyEvent, event)
	event.Type, event.Text = input.DispatchKeyEventTypeKeyUp, ""
	command(p, input.DispatchKeyEvent, event)
}

// screenshotDir is where pictures go; "" is nowhere.
var screenshotDir = os.Getenv("HOTSOCK_SCREENSHOTS")

// picture saves what the page looks like.
func (p *page) picture(name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.failf("taking a picture: %v", err)
	}
	if err := os.MkdirAll(screenshotDir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(screenshotDir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
