package storeredis

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// nodeProcess names the server to a process that is a node and nothing else.
const nodeProcess = "STORE_REDIS_TEST_NODE"

// fireUntilKilled is what that process does.
func fireUntilKilled(addr string) error {
	s, err := New(redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true}), Options{})
	if err != nil {
		return err
	}
	n, err := s.Join(context.Background(), new(sink), testJoin)
	if err != nil {
		return err
	}
	if _, err := s.Scheduler().Start(context.Background(), n, func(store.Fired) {}); err != nil {
		return err
	}
	await.Pass(5*time.Minute, "its parent may die, too")
	return nil
}

// TestFiringNodeStandsStill stops the process of a node, for longer than its lease
// lasts, while schedules become due everywhere, and lets it go on: none is lost, and
// none fires twice.
func TestFiringNodeStandsStill(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	seen := new(sink)
	stays := joinAs(t, openAt(t, srv.Addr), seen, testJoin)
	takePart(t, stays)
	frozen := exec.CommandContext(t.Context(), os.Args[0])
	frozen.Env = append(os.Environ(), nodeProcess+"="+srv.Addr)
	frozen.Stderr = t.Output()
	if err := frozen.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = frozen.Process.Kill()
		_ = frozen.Wait()
	})
	agree(t, 2, stays)
	channels := everywhere()
	sideBySide(t, channels, stays.Watch)
	const count = 4 * partitions
	began := time.Now()
	span := 3 * testJoin.NodeTimeout
	ids := addMany(t, stays.s, count, func(i int) time.Time { return began.Add(time.Duration(i) * span / count) },
		func(i int) string { return channels[i%partitions] })

	await.Pass(span/6, "while both fire")
	if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await.Pass(span/2, "while one stands still")
	if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await.Within(t, time.Until(began.Add(span+back)), "all schedules to fire", func() bool { return seen.delivered.Load() >= int64(len(ids)) })
	await.While(t, time.Second, "each having fired once", func() bool { return seen.delivered.Load() == int64(len(ids)) })
	left, err := stays.s.Scheduler().Schedules(unhurried(t), store.SchedulesRequest{Limit: 10})
	if err != nil || len(left.Schedules) > 0 {
		t.Errorf("there are still %s: %v", fmt.Sprint(left.Schedules), err)
	}
}
