package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// A stream carries the bytes of a WebSocket and counts them. A slow link takes
// long for a large message, but not for each part of it.
type stream struct {
	io.ReadWriteCloser
	received atomic.Int64
	offered  atomic.Int64 // more than written while a write waits
	written  atomic.Int64
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.ReadWriteCloser.Read(b)
	s.received.Add(int64(n))
	return n, err
}

func (s *stream) Write(b []byte) (int, error) {
	s.offered.Add(int64(len(b)))
	n, err := s.ReadWriteCloser.Write(b)
	s.written.Add(int64(n))
	return n, err
}

func (s *stream) progress() progress {
	written := s.written.Load()
	return progress{s.received.Load(), written, s.offered.Load() > written}
}

// An upgrader is the transport of one attempt to connect. It keeps the stream
// of the connection that was made.
type upgrader struct {
	transport http.RoundTripper
	stream    *stream
}

func (u *upgrader) RoundTrip(r *http.Request) (*http.Response, error) {
	transport, err := tunneled(u.transport, r)
	if err != nil {
		return nil, err
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if rwc, ok := res.Body.(io.ReadWriteCloser); ok {
		u.stream = &stream{ReadWriteCloser: rwc}
		res.Body = u.stream
	}
	return res, nil
}

// grace is how long something may still arrive after the time for it was over.
// After the machine slept or the process was stopped, all timers fire at once,
// before anything is read that has arrived meanwhile.
const grace = time.Second

// lastLook returns a channel that has something when no more needs to be waited
// for, after ctx has ended: at once, or after the grace if its deadline was
// noticed late.
func lastLook(ctx context.Context) <-chan time.Time {
	deadline, _ := ctx.Deadline()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && time.Since(deadline) > grace/4 {
		return time.After(grace)
	}
	return time.After(0)
}
