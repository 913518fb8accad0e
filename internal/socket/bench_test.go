package socket

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// BenchmarkFlush sends a frame, or several at once, to connections over real
// sockets, and waits until all has been read. An operation is one frame to one
// of them.
func BenchmarkFlush(b *testing.B) {
	for _, frames := range []int{1, 16} {
		b.Run(fmt.Sprint("frames=", frames), func(b *testing.B) {
			const conns = 100
			f := new(Flusher)
			defer f.Close()
			r := &reading{done: make(chan struct{})}
			var cs []*Conn
			for range conns {
				cs = append(cs, r.conn(b, f))
			}
			frame := textFrame(strings.Repeat("b", 300))
			b.ReportAllocs()
			b.ResetTimer()
			before := wstest.WriteCalls(b)
			sent := 0
			for sent < b.N {
				r.want.Store(int64((sent + frames*conns) * frame.Len()))
				for range frames {
					for _, c := range cs {
						c.Send(frame)
						sent++
					}
				}
				<-r.done
			}
			b.StopTimer()
			b.ReportMetric((wstest.WriteCalls(b)-before)/float64(sent), "writes/op")
		})
	}
}

// reading is what the clients of some connections read.
type reading struct {
	got, want atomic.Int64  // bytes
	done      chan struct{} // receives when they are equal
}

// conn returns a connection whose client reads everything.
func (r *reading) conn(b *testing.B, f *Flusher) *Conn {
	b.Helper()
	accepted := make(chan *Conn, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := Accept(w, req, Options{
			Flusher: f, ReadLimit: 1 << 10, QueueLimit: 1 << 20, WriteTimeout: 10 * time.Second,
			TooSlow: func() { b.Error("unexpected overflow") },
		})
		if err != nil {
			b.Error(err)
		}
		accepted <- c
	}))
	b.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	if _, err = io.WriteString(conn, wstest.Request("/")); err != nil {
		b.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		b.Fatal(resp, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := in.Read(buf)
			if n > 0 && r.got.Add(int64(n)) == r.want.Load() {
				r.done <- struct{}{}
			}
			if err != nil {
				return
			}
		}
	})
	c := <-accepted
	b.Cleanup(func() {
		c.Cut()
		_ = conn.Close()
		wg.Wait()
	})
	return c
}
