// Package dbtest runs real database servers for tests.
//
// A server is started by the first test that needs it, as a process of a user other
// than root, with its files in a temporary directory, and serves all tests until
// Stop. Without its program a test is skipped, or fails in continuous integration.
package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/process"
)

// patience is how long a server may take to start.
const patience = 60 * time.Second

// A server is a program that was started once.
type server struct {
	once    sync.Once
	start   func(t testing.TB, dir, port string, as *syscall.Credential) *exec.Cmd
	ready   func(port string) error
	user    string // who runs it, if root runs the tests
	port    string
	dir     string
	process *process.Process
	release func()
	made    int
	mu      sync.Mutex
}

var servers = []*server{&postgres, &mariaDB}

// Stop ends all servers. TestMain calls it.
func Stop() {
	for _, s := range servers {
		if s.process != nil {
			s.process.Kill()
		}
		if s.release != nil {
			s.release()
		}
		if s.dir != "" {
			_ = os.RemoveAll(s.dir)
		}
	}
}

// need starts the server if it does not run.
func (s *server) need(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: starts a database server")
	}
	s.once.Do(func() { s.launch(t) })
	if s.process == nil {
		t.Skip("the server was not started")
	}
}

func (s *server) launch(t testing.TB) {
	t.Helper()
	//nolint:usetesting // it outlives the test, and another user must reach it
	dir, err := os.MkdirTemp("", "hotsock-"+s.user+"-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	as := credential(t, s.user)
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	addr, release, err := freeport.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	s.release = release
	_, s.port, _ = net.SplitHostPort(addr)
	cmd := s.start(t, filepath.Join(dir, "data"), s.port, as)
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); s.ready(s.port) != nil; time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.Ended:
			t.Fatalf("dbtest: %v", p.Failed())
		default:
		}
		if time.Now().After(end) {
			p.Kill()
			t.Fatalf("dbtest: %s did not start within %v: %s", cmd.Path, patience, p.Log)
		}
	}
	s.process = p
}

// credential returns the user who runs the server, nil for the one who runs the tests.
func credential(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		need.Skip(t, "needs the user "+name+", who runs the server: "+err.Error())
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// command prepares a program to be run in a directory by somebody.
func command(as *syscall.Credential, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Dir(dir)
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}

// setUp runs a program to its end.
func setUp(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dbtest: %s: %v\n%s", cmd.Path, err, out)
	}
}

// name returns one for another database.
func (s *server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return fmt.Sprintf("test%d", s.made)
}

// exec1 runs a statement at a server.
func exec1(driver, dsn, statement string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}
