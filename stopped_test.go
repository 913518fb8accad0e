//go:build unix

package hotsock

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// stoppedServer makes this test binary the server of TestStoppedServer.
const stoppedServer = "HOTSOCK_TEST_STOPPED_SERVER"

// Clients whose heartbeats, or answers to pings, have arrived while the server stood
// still are not taken for silent.
func TestStoppedServer(t *testing.T) {
	if os.Getenv(stoppedServer) != "" {
		serveHeartbeats()
		return
	}
	if testing.Short() {
		t.Skip("not with -short: takes ten seconds")
	}
	t.Parallel()
	server := exec.Command(os.Args[0], "-test.run=^TestStoppedServer$")
	server.Env = append(os.Environ(), stoppedServer+"=1")
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close() // which ends it
		_ = server.Wait()
	}()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	const clients = 20
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range clients {
		c := wstest.Dial(t, strings.TrimSpace(url), wstest.Options{})
		context.AfterFunc(ctx, c.Cut)
		all.Go(func() {
			if err := c.Drain(); ctx.Err() == nil {
				t.Errorf("a client was closed: %v", err)
			}
		})
		all.Go(func() {
			for ctx.Err() == nil {
				_ = c.TrySend(`{"event":"hotsock.heartbeat"}`)
				sleep(ctx, time.Second)
			}
		})
	}
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await.Pass(8*time.Second, "longer than any timeout")
	if err := server.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await.Pass(2*time.Second, "until who is cut off would be")
}

// serveHeartbeats serves until standard input ends.
func serveHeartbeats() {
	h, err := New(Options{
		PingInterval: time.Second, PongTimeout: time.Second,
		Authenticate: func(*http.Request) (*Claims, error) {
			return &Claims{HeartbeatTimeout: 6 * time.Second}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	s := httptest.NewServer(h)
	fmt.Fprintln(os.Stdout, s.URL)
	_, _ = os.Stdin.Read(make([]byte, 1))
	_ = h.Close()
	s.Close()
}
