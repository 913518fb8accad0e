package browsertest

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A server is an example's real program, running.
type server struct {
	t      *testing.T
	binary string
	args   []string
	addr   string // host:port
	cmd    *exec.Cmd
}

// startServer starts the chat on a free port, until the test ends.
func startServer(t *testing.T) *server { return startExample(t, chatBinary) }

func startExample(t *testing.T, binary string) *server {
	t.Helper()
	s := &server{t: t, binary: binary, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// start runs the program, on the port it had before if it ran before.
func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, append([]string{"-addr", s.addr}, s.args...)...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("the example ended before it printed its address: %v", err)
	}
	u, err := url.Parse(strings.TrimSpace(line[strings.LastIndex(line, " ")+1:]))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		s.t.Fatalf("no address in %q: %v", line, err)
	}
	s.addr = u.Host
}

// stop ends the program as an operator would, and checks that it ends well.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the example, asked to stop: %v", err)
	}
	s.cmd = nil
}

func (s *server) url() string { return "http://" + s.addr + "/" }
