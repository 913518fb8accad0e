//go:build linux

package hotsock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	testneed "github.com/hotsock-go/hotsock/internal/need"
)

// slowLinkClient makes this test binary the client of TestSlowLink: it is the
// address, and the number of messages to read.
const slowLinkClient = "HOTSOCK_TEST_SLOW_LINK_CLIENT"

// A subscriber on a slow link that never stops reading gets everything that may
// wait for it, however many times the write timeout that takes. Loopback would not
// show it: there the kernel takes megabytes at once.
func TestSlowLink(t *testing.T) {
	if client := os.Getenv(slowLinkClient); client != "" {
		readSlowly(client)
		return
	}
	if testing.Short() {
		t.Skip("not with -short: takes half a minute")
	}
	t.Parallel()
	const messages, size = 50, 20_000
	const timeout = 4 * time.Second
	for i, mbits := range []float64{0.4, 0.8, 8} {
		t.Run(fmt.Sprint(mbits, " Mbit a second"), func(t *testing.T) {
			t.Parallel()
			l, inside := slowLink(t, i, mbits)
			h, err := New(Options{
				WriteTimeout: timeout, MaxQueueSize: messages * size * 11 / 10,
				Authenticate: func(*http.Request) (*Claims, error) {
					return &Claims{Channels: map[string]ChannelClaims{"room": {AutoSubscribe: Allow}}}, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: h}
			served := make(chan struct{})
			go func() {
				defer close(served)
				_ = server.Serve(l)
			}()
			defer func() {
				_ = server.Close()
				<-served
				_ = h.Close()
			}()

			client := inside(os.Args[0], "-test.run=^TestSlowLink$")
			client.Env = append(os.Environ(), slowLinkClient+"="+l.Addr().String()+" "+strconv.Itoa(messages))
			var out bytes.Buffer
			client.Stdout, client.Stderr = &out, &out
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for h.Stats().Subscriptions == 0 && time.Since(start) < time.Minute {
				time.Sleep(10 * time.Millisecond)
			}
			for range messages {
				if _, err := h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: strings.Repeat("x", size)}); err != nil {
					t.Fatal(err)
				}
			}
			start = time.Now()
			if err := client.Wait(); err != nil {
				t.Errorf("after %v: %v\n%s", time.Since(start), err, &out)
			}
			t.Logf("%d KB took %v: %s", messages*size/1000, time.Since(start).Round(time.Millisecond), &out)
			if s := h.Stats(); s.Disconnected["slow"] != 0 {
				t.Error("the client was called too slow")
			}
		})
	}
}

// readSlowly reads the messages, and fails if there are not enough.
func readSlowly(client string) {
	addr, n, _ := strings.Cut(client, " ")
	messages, _ := strconv.Atoi(n)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/rt", nil)
	if err == nil {
		ws.SetReadLimit(-1)
		for i := -2; i < messages && err == nil; i++ { // connected, subscribed
			if _, _, err = ws.Read(ctx); err != nil {
				err = fmt.Errorf("after %d messages: %w", i, err)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	_ = ws.Close(websocket.StatusNormalClosure, "")
	fmt.Fprintln(os.Stdout, "all came")
	os.Exit(0)
}

// slowLink returns a listener whose connections go through a link of that
// bandwidth, and what makes a command run at the other end.
func slowLink(t *testing.T, i int, mbits float64) (net.Listener, func(name string, arg ...string) *exec.Cmd) {
	t.Helper()
	if os.Getuid() != 0 {
		testneed.Skip(t, "needs root, for a network namespace")
	}
	for _, tool := range []string{"ip", "tc"} {
		testneed.Program(t, tool, "iproute2")
	}
	pid := os.Getpid()
	name := fmt.Sprintf("hotsock-%d-%d", pid, i)
	ours, theirs := fmt.Sprintf("hs%da%d", pid, i), fmt.Sprintf("hs%db%d", pid, i)
	// A network of four addresses, of those for tests of networks (RFC 2544).
	net4 := (pid*3 + i) % (1 << 15) * 4
	addr := func(host int) string { return fmt.Sprintf("198.%d.%d.%d", 18+net4>>16, net4>>8&255, net4&255+host) }
	run := func(command string) error {
		args := strings.Fields(command)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
		return nil
	}
	if err := run("ip netns add " + name); err != nil {
		t.Skip("no network namespaces here: ", err)
	}
	t.Cleanup(func() { _ = run("ip netns del " + name) }) // and with it the link
	err := errors.Join(
		run("ip link add "+ours+" type veth peer name "+theirs+" netns "+name),
		run("ip addr add "+addr(1)+"/30 dev "+ours),
		run("ip link set "+ours+" up"),
		run("ip -n "+name+" addr add "+addr(2)+"/30 dev "+theirs),
		run("ip -n "+name+" link set "+theirs+" up"),
		run(fmt.Sprintf("tc qdisc add dev %s root tbf rate %dkbit burst 8kb limit 64kb", ours, int(mbits*1000))),
	)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr(1)+":0")
	if err != nil {
		t.Fatal(err)
	}
	return l, func(command string, arg ...string) *exec.Cmd {
		return exec.Command("ip", append([]string{"netns", "exec", name, command}, arg...)...)
	}
}
