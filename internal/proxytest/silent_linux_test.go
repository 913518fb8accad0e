package proxytest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/netns"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// farClient makes this test binary a client on another machine: it is the URL, and
// how many long messages to read.
const farClient = "HOTSOCK_TEST_FAR_CLIENT"

// A proxy receives everything at once, so nobody knows what its clients have
// received. Who is on a slow link must not be taken for gone, and who is gone must
// not stay.
func TestSilenceBehindProxies(t *testing.T) {
	if client := os.Getenv(farClient); client != "" {
		readFar(client)
		return
	}
	if testing.Short() {
		t.Skip("not with -short: takes half a minute")
	}
	for _, p := range proxies[:2] { // nginx and HAProxy
		t.Run(p.program, func(t *testing.T) {
			t.Parallel()
			silence(t, &p)
		})
	}
}

func silence(t *testing.T, p *proxy) {
	const (
		interval, timeout = 2 * time.Second, 2 * time.Second
		messages, size    = 50, 20_000 // take 20 s over 0.4 Mbit a second
	)
	n := &node{addr: freeport.Keep(t), store: storememory.New(), pingInterval: interval, pongTimeout: timeout}
	n.start(t)
	t.Cleanup(func() { n.stop(t) })
	_, port, _ := net.SplitHostPort(p.startOn(t, "0.0.0.0", [2]string{n.addr, n.addr}).addr)

	far := func(m *netns.Machine, read int) (client *exec.Cmd, output *bytes.Buffer) {
		client, output = m.Command(os.Args[0], "-test.run=^TestSilenceBehindProxies$"), new(bytes.Buffer)
		client.Env = append(os.Environ(), fmt.Sprintf("%s=ws://%s/rt?token=%s %d", farClient, net.JoinHostPort(m.Near, port), autoToken(t), read))
		client.Stdout, client.Stderr = output, output
		if err := client.Start(); err != nil {
			t.Fatal(err)
		}
		return client, output
	}
	slow, lost, frozen := netns.New(t), netns.New(t), netns.New(t)
	slow.Limit(400_000)
	slowClient, output := far(slow, messages)
	lostClient, _ := far(lost, messages+1)
	frozenClient, _ := far(frozen, messages+1)
	t.Cleanup(func() {
		for _, c := range []*exec.Cmd{lostClient, frozenClient} {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	await.That(t, "the clients to be there", func() bool { return n.rt.Stats().Subscriptions == 3 })
	publish := func(size int) {
		if _, err := n.rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "e", Data: strings.Repeat("x", size)}); err != nil {
			t.Error(err)
		}
	}
	start := time.Now()
	for range messages {
		publish(size)
	}
	busy := func(until func() bool) {
		for !until() && !t.Failed() {
			publish(10)
			await.Pass(500*time.Millisecond, "until the next message")
		}
	}
	after := func(d time.Duration) func() bool {
		end := time.Now().Add(d)
		return func() bool { return time.Now().After(end) }
	}
	busy(after(2 * (interval + timeout)))
	if s := n.rt.Stats(); s.Subscriptions != 3 {
		t.Fatalf("ended too early: %v", s.Disconnected)
	}
	lost.Lose()
	_ = frozenClient.Process.Signal(syscall.SIGSTOP)
	vanished := time.Now()
	late := after(4 * (interval + timeout))
	busy(func() bool { return n.rt.Stats().Disconnected["unresponsive"] == 2 || late() })
	s := n.rt.Stats()
	if s.Disconnected["unresponsive"] != 2 || s.Subscriptions != 1 {
		t.Errorf("after %v: %d subscriptions, ended %v", time.Since(vanished), s.Subscriptions, s.Disconnected)
	}
	if err := slowClient.Wait(); err != nil {
		t.Errorf("the slow client, after %v: %v\n%s", time.Since(start), err, output)
	}
}

// autoToken is a token that subscribes its holder.
func autoToken(t *testing.T) string {
	t.Helper()
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute),
		Channels: map[string]hotsock.ChannelClaims{"room": {AutoSubscribe: hotsock.Allow}},
	}, signing)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// readFar reads so many long messages.
func readFar(client string) {
	url, count, _ := strings.Cut(client, " ")
	messages, _ := strconv.Atoi(count)
	ctx := context.Background()
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err == nil {
		ws.SetReadLimit(-1)
	}
	read := 0
	for err == nil && read < messages {
		var b []byte
		if _, b, err = ws.Read(ctx); len(b) > 10_000 {
			read++
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, read, err)
		os.Exit(1)
	}
	_ = ws.CloseNow()
	os.Exit(0)
}
