//go:build linux

package hotsock

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/netns"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// vanishingClient makes this test binary the client of TestVanishedClient: it is
// the URL.
const vanishingClient = "HOTSOCK_TEST_VANISHING_CLIENT"

// A client that vanishes without a word is gone for the others in time: with its
// cable pulled, in a black hole, or frozen while its kernel receives everything; on a
// silent channel and on a busy one, over TCP and TLS.
func TestVanishedClient(t *testing.T) {
	if url := os.Getenv(vanishingClient); url != "" {
		readForEver(url)
		return
	}
	if testing.Short() {
		t.Skip("not with -short: takes ten seconds")
	}
	t.Parallel()
	// A client has to run within the timeout, on a busy machine too.
	const interval, timeout = time.Second, 2 * time.Second
	var clients []*vanishing
	for _, scheme := range []string{"ws", "wss"} {
		for traffic, pause := range map[string]time.Duration{"silent": time.Hour, "busy": 100 * time.Millisecond} {
			for how, vanish := range map[string]func(*vanishing){
				"unplugged": func(v *vanishing) { v.machine.Unplug() },
				"lost":      func(v *vanishing) { v.machine.Lose() },
				"frozen":    func(v *vanishing) { _ = v.cmd.Process.Signal(syscall.SIGSTOP) },
			} {
				v := startVanishing(t, scheme, Options{PingInterval: interval, PongTimeout: timeout})
				v.what, v.vanish = strings.Join([]string{scheme, traffic, how}, " "), vanish
				defer publishEvery(t, v.h, pause, "presence.room")()
				clients = append(clients, v)
			}
		}
	}
	await.While(t, 2*(interval+timeout), "every connection", func() bool {
		return !slices.ContainsFunc(clients, func(v *vanishing) bool { return len(v.left) != 0 })
	})
	start := time.Now()
	for _, v := range clients {
		v.vanish(v)
	}
	for _, v := range clients {
		select {
		case at := <-v.left:
			// On a busy machine, looks come late.
			if d := at.Sub(start); d > 5*(interval+timeout) {
				t.Errorf("%s: gone after %v", v.what, d)
			}
		case <-time.After(45 * time.Second):
			t.Fatalf("%s: not gone", v.what)
		}
		// Others may be told before it is counted.
		await.That(t, v.what+" to be counted", func() bool { return v.h.Stats().Disconnected["unresponsive"] == 1 })
	}
}

// A vanishing client is a process on another machine, and somebody who watches it.
type vanishing struct {
	what    string
	vanish  func(*vanishing)
	h       *Handler
	machine *netns.Machine
	cmd     *exec.Cmd
	left    <-chan time.Time
}

// startVanishing starts a client, and returns when it is a member of presence.room.
func startVanishing(t *testing.T, scheme string, o Options) *vanishing {
	t.Helper()
	v := &vanishing{machine: netns.New(t)}
	var url func(uid string) string
	v.h, url = serveTo(t, v.machine, scheme, o)
	v.left = leaves(wstest.Connect(t, url("watcher"), wstest.Options{HTTPClient: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}}))
	v.cmd = v.machine.Command(os.Args[0], "-test.run=^TestVanishedClient$")
	v.cmd.Env = append(os.Environ(), vanishingClient+"="+url("client"))
	var out bytes.Buffer
	v.cmd.Stdout, v.cmd.Stderr = &out, &out
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = v.cmd.Process.Kill()
		_ = v.cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", v.what, out.String())
		}
	})
	await.That(t, "the client to be there", func() bool { return v.h.Stats().Subscriptions == 2 })
	return v
}

// serveTo serves a handler to a machine, and returns where a user connects, who is
// a member of presence.room then.
func serveTo(t *testing.T, m *netns.Machine, scheme string, o Options) (*Handler, func(uid string) string) {
	t.Helper()
	o.Authenticate = func(r *http.Request) (*Claims, error) {
		return &Claims{UID: r.URL.Query().Get("uid"), Channels: map[string]ChannelClaims{"presence.room": {AutoSubscribe: Allow}}}, nil
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", m.Near+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	_ = s.Listener.Close()
	s.Listener = l
	if scheme == "wss" {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(func() {
		_ = h.Close()
		s.Close()
	})
	return h, func(uid string) string { return fmt.Sprintf("%s://%s/rt?uid=%s", scheme, l.Addr(), uid) }
}

// readForEver reads until the connection ends.
func readForEver(url string) {
	ctx := context.Background()
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}})
	for err == nil {
		_, _, err = ws.Read(ctx)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
