package browsertest

import (
	"bytes"
	"net/http"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/js"
)

// A node is the example server's real program, on a port that stays the same.
type node struct {
	t    *testing.T
	addr string
	args []string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

func startNode(t *testing.T, redis *redistest.Server) *node {
	t.Helper()
	n := &node{t: t, addr: freeport.Keep(t)}
	n.args = []string{
		"-addr", n.addr, "-redis", "redis://" + redis.Addr, "-hs256-secret", string(testKey.Secret), "-allowed-origins", "*",
		"-node-timeout", "2s",
	}
	n.start()
	t.Cleanup(func() {
		n.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the node's log:\n%s", &n.log)
		}
	})
	return n
}

// start starts the program, and waits until it is ready.
func (n *node) start() {
	n.t.Helper()
	n.cmd = exec.Command(serverBinary, n.args...)
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	await.Within(n.t, deadline, "the node to be ready", func() bool {
		answer, err := http.Get("http://" + n.addr + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// end ends the program: by SIGTERM as an operator, by SIGKILL as a crash.
func (n *node) end(how syscall.Signal) {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(how)
	_ = n.cmd.Wait() // being killed is an error
	n.cmd = nil
}

// TestClientServerRestart: a conversation goes on while its server crashes, and
// is restarted, and nothing is lost or comes twice.
func TestClientServerRestart(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	n := startNode(t, redistest.StartServer(t))
	s := &site{t: t}
	s.serve(http.HandlerFunc(js.Serve))

	pages := make([]*page, 0, 2)
	for _, name := range []string{"Jim", "Pam"} {
		p := b.open(name, s.url)
		p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
		p.expectBrokenLinks()
		run[any](p, `
			const [name, url, token] = args;
			globalThis.client = new hotsock.Client({ url, token: async () => token });
			globalThis.room = client.channel("room");
			globalThis.got = [];
			globalThis.recovered = [];
			globalThis.outcomes = [];
			room.on("message", ({ id, data, meta }) => meta.uid !== name && got.push([id, data]));
			room.on("subscribed", (e) => recovered.push(e.recovered));
			client.connect();
			await room.subscribe();
		`, name, "http://"+n.addr+"/rt", signed(t, "connect", claimsOf(name, "room")))
		pages = append(pages, p)
	}
	for _, p := range pages {
		// One after the other, without a pause but for the crashes.
		p.do("talk", chromedp.Evaluate[chromedp.Void](`(async () => {
			globalThis.talking = true;
			for (let i = 0; talking && i < 400; i++) {
				await room.publish("chat", i).then(({ id }) => outcomes.push([i, id]), ({ code }) => outcomes.push([i, code]));
				await new Promise((resolve) => setTimeout(resolve, 20));
			}
			globalThis.silent = true;
		})(); 0`))
	}
	said := func(more int) {
		for _, p := range pages {
			run[any](p, `const then = outcomes.length + args[0]; await until(() => outcomes.length >= then);`, more)
		}
	}
	said(20)
	n.end(syscall.SIGKILL)
	pages[0].until("the link is lost", `() => client.state === "waiting"`)
	n.start()
	said(20)
	n.end(syscall.SIGTERM)
	n.start()
	said(20)

	for _, p := range pages {
		run[any](p, `globalThis.talking = false; await until(() => globalThis.silent);`)
	}
	for i, p := range pages {
		other := pages[1-i]
		// What the store has is what happened.
		want := run[[]string](other, `
			const mine = [];
			for await (const m of room.history()) if (m.meta.uid === args[0]) mine.push(m.id + " " + m.data);
			return mine;
		`, other.name)
		got := run[[]string](p, `await until(() => got.length >= args[0]); return got.map(([id, n]) => id + " " + n);`, len(want))
		if !slices.Equal(want, got) {
			t.Errorf("%s has of %s's %d messages, in this order:\n%q\nnot\n%q", p.name, other.name, len(want), got, want)
		}
		accepted := run[[]string](other, `return outcomes.filter(([, o]) => o.length === 26).map(([n, id]) => id + " " + n);`)
		for _, m := range accepted {
			if !slices.Contains(want, m) {
				t.Errorf("%s was accepted and is not there", m)
			}
		}
		others := run[[]string](other, `return outcomes.map(([, o]) => o).filter((o) => o.length !== 26);`)
		for _, code := range others {
			if code != "NO_ANSWER" {
				t.Errorf("%s's message was refused: %s", other.name, code)
			}
		}
		if len(accepted) < 60 || len(others) > 0 {
			t.Errorf("%s: %d messages were accepted, %d have an unknown outcome", other.name, len(accepted), len(others))
		}
		t.Logf("%s: %d accepted, %d with an unknown outcome, %d in the history", other.name, len(accepted), len(others), len(want))
		if r := run[[]any](p, `return recovered`); len(r) != 3 || r[0] != nil || r[1] != true || r[2] != true {
			t.Errorf("%s recovered: %v", p.name, r)
		}
	}
}
