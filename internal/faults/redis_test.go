package faults

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/process"
)

// startLimit is how long a process may take to start. It is no promise.
const startLimit = 30 * time.Second

// A server is a redis-server that is running.
type server struct {
	*process.Process

	addr, dir string
	args      []string
}

// cleaner is a test or a trial.
type cleaner interface {
	onEnd(f func())
	fatalf(format string, args ...any)
}

type testCleaner struct{ *testing.T }

func (t testCleaner) onEnd(f func())                    { t.Cleanup(f) }
func (t testCleaner) fatalf(format string, args ...any) { t.Fatalf(format, args...) }

// startRedis starts a server with further arguments, until the end.
func startRedis(c cleaner, dir string, args ...string) *server {
	addr, release, err := freeport.Reserve()
	if err != nil {
		c.fatalf("%v", err)
	}
	c.onEnd(release)
	s := &server{addr: addr, dir: dir, args: args}
	s.start(c)
	c.onEnd(func() { s.Kill() })
	return s
}

// start starts the server again where it was before.
func (s *server) start(c cleaner) {
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "",
		"--repl-diskless-sync-delay", "0",
	}, s.args...)
	p, err := process.Start(exec.Command("redis-server", args...))
	if err != nil {
		c.fatalf("redis-server: %v", err)
	}
	s.Process = p
	for began := time.Now(); s.do(context.Background(), "PING") != nil; await.Pass(20*time.Millisecond, "before another try") {
		select {
		case <-p.Ended:
			c.fatalf("%v", p.Failed())
		default:
		}
		if time.Since(began) > startLimit {
			c.fatalf("redis-server does not answer: %s", p.Log)
		}
	}
}

// do sends one command.
func (s *server) do(ctx context.Context, args ...any) error {
	_, err := s.ask(ctx, args...)
	return err
}

func (s *server) ask(ctx context.Context, args ...any) (any, error) {
	c := redis.NewClient(&redis.Options{Addr: s.addr, DisableIdentity: true, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 2 * time.Second})
	defer c.Close()
	return c.Do(ctx, args...).Result()
}

func portOf(addr string) int {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	return n
}
