// Package redistest runs real Redis servers for tests, and breaks them.
//
// Servers listen on free ports of the loopback address, keep their files in a
// temporary directory of the test, and end with it. They are redis-server, or the
// program that REDISTEST_SERVER in the environment names, such as valkey-server. Without
// it a test is skipped, or fails in continuous integration.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/process"
)

// program returns which server is tested, and the Debian package that has it.
func program() (name, pkg string) {
	name = os.Getenv("REDISTEST_SERVER")
	if name == "" {
		name = "redis-server"
	}
	return name, filepath.Base(name)
}

// patience is how long a server may take for what it has to do.
const patience = 20 * time.Second

// busDistance is how far above its port a cluster's server listens for others.
const busDistance = 10000

// A Server is one process of a Redis server. Its methods end the test if they
// fail.
type Server struct {
	// Addr is where it listens; it stays the same over restarts.
	Addr string

	t       testing.TB
	program string
	dir     string
	port    string
	args    []string
	// sentinel is true if it watches others and keeps no data.
	sentinel bool
	process  *process.Process // nil if it does not run
}

// StartServer starts a server that saves nothing, with more arguments as given
// to redis-server ("--appendonly", "yes").
func StartServer(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t, args...)
	s.Start()
	t.Cleanup(s.end)
	return s
}

// newServer prepares a server. It is not started.
func newServer(t testing.TB, args ...string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: starts Redis servers")
	}
	name, pkg := program()
	path := need.Program(t, name, pkg)
	addr, release, err := freeport.Reserve(busDistance)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	_, port, _ := net.SplitHostPort(addr)
	return &Server{Addr: addr, t: t, program: path, dir: t.TempDir(), port: port, args: args}
}

// Start starts a server that was stopped or killed, with the data that it
// saved, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.Launch()
	s.AwaitUp()
}

// Launch is Start without waiting: a server that has much to load answers
// other commands than few with an error until it has.
func (s *Server) Launch() {
	s.t.Helper()
	args := append([]string{
		"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "notice",
		"--enable-debug-command", "yes",
	}, s.args...)
	if s.sentinel {
		args = s.args
	}
	p, err := process.Start(exec.Command(s.program, args...))
	if err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
	s.process = p
}

// AwaitUp waits until the server answers.
func (s *Server) AwaitUp() {
	s.t.Helper()
	s.await("to start", func() bool {
		return strings.HasPrefix(s.try("PING"), "+PONG")
	})
}

// try sends one command without arguments that need quoting and returns the
// first line of the answer, "" if there is none.
func (s *Server) try(command string) string {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return ""
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(c, "%s\r\n", command); err != nil {
		return ""
	}
	buf := make([]byte, 256)
	n, _ := c.Read(buf)
	return string(buf[:n])
}

func (s *Server) await(what string, cond func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.process.Ended:
			s.t.Fatalf("redistest: the server at %s ended instead %s; its log:\n%s", s.Addr, what, s.process.Log)
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("redistest: waited for the server at %s %s for %v; its log:\n%s", s.Addr, what, patience, s.process.Log)
		}
	}
}

// Kill ends the process as a crash would.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	s.process.Kill()
	s.process = nil
}

// Stop ends the process in an orderly way, which saves what is configured to be
// saved.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	p := s.process
	asked := time.AfterFunc(patience, func() {
		s.t.Errorf("redistest: the server at %s does not stop", s.Addr)
		p.Kill()
	})
	p.Terminate()
	asked.Stop()
	s.process = nil
}

func (s *Server) end() { s.Kill() }

// Restart stops the server and starts it again.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

// Pause stops the process without closing its connections, until Resume.
func (s *Server) Pause() { s.process.Freeze() }

// Resume lets a paused process go on.
func (s *Server) Resume() { s.process.Thaw() }

// Client returns a client for the server, which is closed with the test.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}
