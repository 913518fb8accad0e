// Package process runs programs for tests, as processes that can be stopped and
// killed, and that do not outlive the test.
package process

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit is how long a node may take until it listens.
const startLimit = 30 * time.Second

// A Process is a program that is running.
type Process struct {
	// Log is what it writes.
	Log *Log
	// Ended is closed when it has ended, and all that it wrote is in the log.
	Ended <-chan struct{}

	cmd  *exec.Cmd
	once sync.Once
}

// Start starts a program. On Linux, it ends with the process that has started it.
func Start(cmd *exec.Cmd) (*Process, error) {
	ended := make(chan struct{})
	p := &Process{Log: newLog(), Ended: ended, cmd: cmd}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	Tie(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // Being killed is an error, too.
		close(ended)
	}()
	return p, nil
}

// Node starts a node, which is the program of examples/server, on a free port, and
// returns its address when it listens.
func Node(program string, args ...string) (p *Process, addr string, err error) {
	p, err = Start(exec.Command(program, append([]string{"-addr", "127.0.0.1:0"}, args...)...))
	if err != nil {
		return nil, "", err
	}
	late := time.NewTimer(startLimit)
	defer late.Stop()
	select {
	case line := <-p.Log.After("listening url=http://"):
		addr, _, _ = strings.Cut(line, "/")
		return p, addr, nil
	case <-p.Ended:
		return nil, "", p.Failed()
	case <-late.C:
		p.Kill()
		return nil, "", p.Failed()
	}
}

// PID is its number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process without a word to it, and waits until it is gone.
func (p *Process) Kill() {
	p.once.Do(func() { _ = p.cmd.Process.Kill() })
	<-p.Ended
}

// Terminate asks the process to end, and waits.
func (p *Process) Terminate() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.Ended
}

// Freeze stops the process until Thaw.
func (p *Process) Freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *Process) Thaw() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// Failed describes a process that ended too early.
func (p *Process) Failed() error {
	return fmt.Errorf("%s ended: %s", p.cmd.Path, p.Log)
}
