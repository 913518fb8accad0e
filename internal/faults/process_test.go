package faults

import (
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
)

// A process is a program that is running, and can be stopped and killed.
type process struct {
	cmd *exec.Cmd
	log *logBuffer
	// ended is closed when it has ended.
	ended chan struct{}
	once  sync.Once
}

func startProcess(program string, args ...string) (*process, error) {
	return start(exec.Command(program, args...))
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, log: newLogBuffer(), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	tie(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // Being killed is an error, too.
		close(p.ended)
	}()
	return p, nil
}

// kill ends the process without a word to it, and waits until it is gone.
func (p *process) kill() {
	p.once.Do(func() { _ = p.cmd.Process.Kill() })
	<-p.ended
}

// terminate asks the process to end, and waits.
func (p *process) terminate() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.ended
}

// freeze stops the process until thaw.
func (p *process) freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *process) thaw()   { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// maxLog is how much of the end of a log is kept.
const maxLog = 64 << 10

// A logBuffer keeps the end of what a process writes.
type logBuffer struct {
	mu  sync.Mutex
	buf []byte
	// found gets what follows marker on the first line that contains it.
	marker string
	found  chan string
}

func newLogBuffer() *logBuffer { return &logBuffer{found: make(chan string, 1)} }

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if len(l.buf) > 2*maxLog {
		l.buf = append(l.buf[:0], l.buf[len(l.buf)-maxLog:]...)
	}
	l.look()
	return len(b), nil
}

func (l *logBuffer) look() {
	if l.marker == "" {
		return
	}
	i := bytes.Index(l.buf, []byte(l.marker))
	if i < 0 {
		return
	}
	line, _, whole := bytes.Cut(l.buf[i+len(l.marker):], []byte("\n"))
	if whole {
		l.marker = ""
		l.found <- string(line)
	}
}

// after returns a channel that gets what follows the marker on its line.
func (l *logBuffer) after(marker string) <-chan string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marker = marker
	l.look()
	return l.found
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}

// failed describes a process that ended too early.
func (p *process) failed() error {
	return fmt.Errorf("%s ended: %s", p.cmd.Path, p.log)
}
