package hotsocktest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize is how many bytes a connection takes that were not read yet, each
// way: about what a socket does.
const bufferSize = 64 << 10

// A half is one direction of a connection in memory.
type half struct {
	mu      sync.Mutex
	buf     []byte
	held    bool  // by a fault: nothing comes out, nor does the end
	broken  error // by a fault, for both sides
	noMore  bool  // the writer has closed
	unread  bool  // the reader has closed
	read    deadline
	write   deadline
	changed chan struct{} // closed and replaced with every change
}

// A deadline wakes the half when it has come.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(at time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), wake)
	}
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newHalf() *half { return &half{changed: make(chan struct{})} }

// change makes a change and wakes who waits for one.
func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.wakeLocked()
}

func (h *half) wake() { h.change(func() {}) }

func (h *half) wakeLocked() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Read waits for bytes.
func (h *half) Read(b []byte) (int, error) {
	for {
		h.mu.Lock()
		n, err, ok := h.tryRead(b)
		changed := h.changed
		h.mu.Unlock()
		if ok {
			return n, err
		}
		<-changed
	}
}

func (h *half) tryRead(b []byte) (n int, err error, ok bool) { //nolint:revive // Whether there is a result says the last one.
	switch {
	case h.unread:
		return 0, net.ErrClosed, true
	case h.broken != nil:
		return 0, h.broken, true
	case h.read.passed():
		return 0, os.ErrDeadlineExceeded, true
	case h.held:
		return 0, nil, false
	case len(h.buf) > 0:
		n := copy(b, h.buf)
		if h.buf = h.buf[n:]; len(h.buf) == 0 {
			h.buf = nil
		}
		h.wakeLocked()
		return n, nil, true
	case h.noMore:
		return 0, io.EOF, true
	}
	return 0, nil, len(b) == 0
}

// Write waits until there is room for all of b.
func (h *half) Write(b []byte) (int, error) {
	for n := 0; ; {
		h.mu.Lock()
		taken, err := h.tryWrite(b[n:])
		changed := h.changed
		h.mu.Unlock()
		if n += taken; err != nil || n == len(b) {
			return n, err
		}
		<-changed
	}
}

func (h *half) tryWrite(b []byte) (int, error) {
	switch {
	case h.noMore:
		return 0, net.ErrClosed
	case h.broken != nil:
		return 0, h.broken
	case h.write.passed():
		return 0, os.ErrDeadlineExceeded
	case h.unread && !h.held:
		return 0, syscall.EPIPE
	}
	n := min(len(b), bufferSize-len(h.buf))
	if n > 0 {
		h.buf = append(h.buf, b[:n]...)
		h.wakeLocked()
	}
	return n, nil
}

// stop ends the timers of what is closed.
func (d *deadline) stop() { d.set(time.Time{}, nil) }
