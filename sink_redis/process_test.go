package sinkredis

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/process"
	"github.com/redis/go-redis/v9"
)

// workerEnv makes the test's program a worker of the Redis at that address.
const workerEnv = "SINKREDIS_TEST_WORKER"

// hang takes events and never finishes with any.
func hang(addr string) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	err := Consume(context.Background(), client, quick("child"), func(_ context.Context, d Delivery) error {
		fmt.Fprintln(os.Stdout, d.Event.ID, d.Attempt)
		select {}
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// startChild starts such a process and waits until it has n events in its hands.
func startChild(t *testing.T, addr string, n int) (kill func(), has []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+addr)
	process.Tie(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	for len(has) < n && lines.Scan() {
		has = append(has, lines.Text())
	}
	if len(has) < n {
		t.Fatalf("the child ended: %v", has)
	}
	return kill, has
}

// What a killed worker was doing is done by another, once, as a second attempt.
func TestKilledWorker(t *testing.T) {
	server, client := setUp(t, 100)
	kill, has := startChild(t, server.Addr, 4)
	w := startWorker(t, client, quick("survivor"), nil)
	await.That(t, "all others", func() bool { return len(w.deliveries()) == 96 })
	kill()
	awaitAll(t, 100, w)
	awaitIdle(t, client, stream, "workers")
	again := 0
	for _, d := range w.deliveries() {
		if d.Attempt == 2 {
			again++
			if !strings.Contains(strings.Join(has, " "), d.Event.ID+" 1") {
				t.Errorf("%s was tried before, but the child had %v", d.Event.ID, has)
			}
		}
	}
	if again != 4 || len(w.deliveries()) != 100 {
		t.Errorf("%d of %d were second attempts", again, len(w.deliveries()))
	}
}

// An event that kills whoever handles it is moved aside, too.
func TestKillingEvent(t *testing.T) {
	server, client := setUp(t, 1)
	for attempt := 1; attempt <= 2; attempt++ {
		kill, has := startChild(t, server.Addr, 1)
		if want := fmt.Sprint("0 ", attempt); has[0] != want {
			t.Errorf("the child has %q, want %q", has[0], want)
		}
		kill()
	}
	o := quick("survivor")
	o.MaxAttempts = 2
	w := startWorker(t, client, o, nil)
	await.That(t, "the dead one", func() bool { return client.XLen(t.Context(), "{"+stream+"}:dead").Val() == 1 })
	awaitIdle(t, client, stream, "workers")
	if got := w.deliveries(); len(got) != 0 {
		t.Errorf("delivered %+v", got)
	}
}
