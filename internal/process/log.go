package process

import (
	"bytes"
	"sync"
)

// maxLog is how much of the end of a log is kept.
const maxLog = 1 << 20

// A Log keeps the last megabyte of what a process writes. Its methods may be called
// from any goroutine.
type Log struct {
	mu  sync.Mutex
	buf []byte
	// found gets what follows marker on the first line that contains it.
	marker string
	found  chan string
}

func newLog() *Log { return &Log{found: make(chan string, 1)} }

// Write appends to the log.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if len(l.buf) > 2*maxLog {
		l.buf = append(l.buf[:0], l.buf[len(l.buf)-maxLog:]...)
	}
	l.look()
	return len(b), nil
}

func (l *Log) look() {
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

// After returns a channel that gets what follows the marker on the first line that
// has it. One marker is looked for at a time.
func (l *Log) After(marker string) <-chan string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marker = marker
	l.look()
	return l.found
}

// String returns what is kept.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}
