//go:build linux

package hotsock

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/netns"
)

// slowLinkClient makes this test binary the client of TestSlowLink: it is the
// address, and the number of messages to read.
const slowLinkClient = "HOTSOCK_TEST_SLOW_LINK_CLIENT"

// A subscriber on a slow link that never stops reading gets everything that may
// wait for it, however many times the write timeout that takes, and however late
// its answers to pings come behind that. Loopback would not show it: there the
// kernel takes megabytes at once.
func TestSlowLink(t *testing.T) {
	if client := os.Getenv(slowLinkClient); client != "" {
		readSlowly(client)
		return
	}
	if testing.Short() {
		t.Skip("not with -short: takes half a minute")
	}
	t.Parallel()
	const size = 20_000
	for _, row := range []struct {
		kbits, messages int
		patience        time.Duration
	}{
		// A packet that is lost behind a queue of seconds is sent again only after
		// seconds, and until then nothing is acknowledged.
		{200, 25, 10 * time.Second},
		{400, 50, 4 * time.Second},
		{800, 50, 4 * time.Second},
		{8000, 50, 4 * time.Second},
	} {
		t.Run(fmt.Sprint(row.kbits, " kbit a second"), func(t *testing.T) {
			t.Parallel()
			messages := row.messages
			m := netns.New(t)
			m.Limit(row.kbits * 1000)
			l, err := net.Listen("tcp", m.Near+":0")
			if err != nil {
				t.Fatal(err)
			}
			h, err := New(Options{
				WriteTimeout: row.patience, PingInterval: time.Second, PongTimeout: row.patience,
				MaxQueueSize: messages * size * 11 / 10,
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

			client := m.Command(os.Args[0], "-test.run=^TestSlowLink$")
			client.Env = append(os.Environ(), slowLinkClient+"="+l.Addr().String()+" "+strconv.Itoa(messages))
			var out bytes.Buffer
			client.Stdout, client.Stderr = &out, &out
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			await.Within(t, time.Minute, "the client", func() bool { return h.Stats().Subscriptions > 0 })
			for range messages {
				if _, err := h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: strings.Repeat("x", size)}); err != nil {
					t.Fatal(err)
				}
			}
			start := time.Now()
			if err := client.Wait(); err != nil {
				t.Errorf("after %v: %v\n%s", time.Since(start), err, &out)
			}
			t.Logf("%d KB took %v: %s", messages*size/1000, time.Since(start).Round(time.Millisecond), &out)
			if s := nonzero(h.Stats()); s.Disconnected["slow"]+s.Disconnected["unresponsive"] != 0 {
				t.Errorf("ended: %v", s.Disconnected)
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
