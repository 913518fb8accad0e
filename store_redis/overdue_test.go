package storeredis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// publisherProcess names the server to a process that publishes a message for each
// line that it reads, and writes what became of it.
const publisherProcess = "STORE_REDIS_TEST_PUBLISHER"

// publisherPatience is how long its publishes may take.
const publisherPatience = 4 * time.Second

// publishWhenTold is what that process does.
func publishWhenTold(addr string) error {
	s, err := New(redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true}), Options{})
	if err != nil {
		return err
	}
	o := testJoin
	o.NodeTimeout = time.Minute // Being declared dead is not the point.
	n, err := s.Join(context.Background(), new(sink), o)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(os.Stdout, "ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		ctx, cancel := context.WithTimeout(context.Background(), publisherPatience)
		res, err := n.Publish(ctx, store.PublishRequest{Channel: "c", Event: in.Text()})
		cancel()
		switch {
		case err == nil:
			_, _ = fmt.Fprintln(os.Stdout, res.ID)
		case errors.Is(err, store.ErrUnavailable):
			_, _ = fmt.Fprintln(os.Stdout, "unavailable")
		default:
			_, _ = fmt.Fprintln(os.Stdout, "failed:", err)
		}
	}
	return nil
}

// TestAnswerBehindOverdueTimer stops a process that waits for Redis until its time is
// over, while the answer comes: when it goes on, both are there. The answer counts, or
// the publish is unavailable; the message is there once, and the next one goes through.
func TestAnswerBehindOverdueTimer(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	in := newInbox(t)
	watcher := joinAs(t, openAt(t, srv.Addr), in, store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 1000, NodeTimeout: time.Minute})
	mustWatch(t, watcher, "c")
	p := exec.CommandContext(t.Context(), os.Args[0])
	p.Env = append(os.Environ(), publisherProcess+"="+srv.Addr)
	p.Stderr = t.Output()
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	lines := bufio.NewScanner(stdout)
	line := func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the publisher has ended: %v", lines.Err())
		}
		return lines.Text()
	}
	publish := func(event string) { _, _ = fmt.Fprintln(stdin, event) }
	signal := func(s syscall.Signal) {
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	line()
	publish("first") // Its connection is there then.
	ids := []string{line()}

	srv.Pause()
	publish("second")
	await.Pass(200*time.Millisecond, "it waits for the answer then, and nobody can tell")
	signal(syscall.SIGSTOP)
	srv.Resume()
	in.await("the message", back, func() bool { return len(in.items) == 2 })
	await.Pass(publisherPatience, "its timer is overdue then")
	signal(syscall.SIGCONT)
	resumed := time.Now()
	second := line()
	t.Logf("%s, %v after it went on", second, time.Since(resumed))
	if took := time.Since(resumed); took > givesUp {
		t.Errorf("it took %v", took)
	}
	if strings.HasPrefix(second, "failed") {
		t.Error(second)
	}
	publish("third")
	ids = append(ids, second, line())

	in.await("the third message", back, func() bool { return len(in.items) == len(ids) })
	in.mu.Lock()
	defer in.mu.Unlock()
	for i, item := range in.items {
		if ids[i] != "unavailable" && ids[i] != item.ID.String() {
			t.Errorf("message %d is %v, and the publisher was told %s", i, item.ID, ids[i])
		}
	}
	if ids[2] == "unavailable" {
		t.Error("the next message is refused")
	}
}
