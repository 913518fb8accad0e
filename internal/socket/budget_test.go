package socket

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// receiver reads that many bytes a second, until the connection ends, and counts
// them.
type receiver struct {
	conn     *Conn
	client   net.Conn
	slow     atomic.Bool // it was found to be too slow
	received atomic.Int64
}

// receive makes a connection that shares a budget, in a bubble.
func receive(t *testing.T, b *Budget, perSecond int) *receiver {
	server, client := net.Pipe()
	r := &receiver{client: client}
	var all sync.WaitGroup
	all.Go(func() {
		piece := make([]byte, min(max(perSecond/10, 1), 4096))
		for {
			time.Sleep(time.Second * time.Duration(len(piece)) / time.Duration(perSecond))
			n, err := client.Read(piece)
			r.received.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	var err error
	r.conn, err = acceptOn(server, Options{
		ReadLimit: 1, QueueLimit: 1 << 20, WriteTimeout: time.Hour, Budget: b, TooSlow: func() { r.slow.Store(true) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.conn.Cut()
		r.conn.Close(context.Background(), StatusNormal, "")
		_ = client.Close()
		all.Wait()
	})
	return r
}

// What waits for many is bounded, and those pay who make it grow: who reads next to
// nothing, not who has a slow link, nor who keeps up.
func TestBudget(t *testing.T) {
	const (
		limit  = 1 << 20
		each   = 10_000 // bytes of a frame
		rounds = 60
	)
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(limit)
		var trickling []*receiver
		for range 20 {
			trickling = append(trickling, receive(t, b, 10))
		}
		fast, slow := receive(t, b, 100_000_000), receive(t, b, 8_000)
		for range rounds {
			for _, r := range append([]*receiver{fast, slow}, trickling...) {
				r.conn.Send(textFrame(strings.Repeat("x", each)))
				if n := b.Waiting(); n > limit {
					t.Fatalf("%d bytes wait", n)
				}
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		given := 0
		for _, r := range trickling {
			if r.slow.Load() {
				given++
			}
		}
		if given < 10 {
			t.Errorf("%d of those who read next to nothing were given up", given)
		}
		for what, r := range map[string]*receiver{"fast": fast, "slow": slow} {
			if n := r.received.Load(); n < rounds*each || r.slow.Load() {
				t.Errorf("the %s one has %d bytes, was found to be too slow: %v", what, n, r.slow.Load())
			}
		}
		for _, r := range trickling {
			r.conn.Cut()
			r.conn.Close(context.Background(), StatusNormal, "")
		}
		if n := b.Waiting(); n != 0 || len(b.conns) != 0 {
			t.Errorf("%d bytes of %d connections wait after their end", n, len(b.conns))
		}
	})
}

// Who was given up keeps what has been begun, so that the reason can follow; but not
// where even that is too much.
func TestBudgetOfBegunFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1 << 20
		b := NewBudget(limit)
		var all []*receiver
		for range 40 {
			r := receive(t, b, 1_000)
			all = append(all, r)
			time.Sleep(time.Second) // for the answer to the handshake
			r.conn.Send(textFrame(strings.Repeat("x", 90_000)))
			if n := b.Waiting(); n > limit {
				t.Fatalf("%d bytes wait", n)
			}
			time.Sleep(time.Second)
		}
		if last := all[len(all)-1]; last.slow.Load() {
			t.Error("the last one was given up, and others that were given up before were not cut")
		}
	})
}

// What waits for several is in memory once, and counts once.
func TestBudgetSharesFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(1 << 20)
		var all []*receiver
		for range 50 {
			all = append(all, receive(t, b, 1))
		}
		synctest.Wait()
		for range 10 {
			f := textFrame(strings.Repeat("x", 50_000))
			for _, r := range all {
				r.conn.Send(f)
			}
		}
		if n := b.Waiting(); n < 500_000 || n > 600_000 {
			t.Errorf("%d bytes wait", n)
		}
		for _, r := range all {
			if r.slow.Load() {
				t.Error("one was given up")
			}
		}
	})
}

// Where many wait for the same, giving up one of them frees nothing. So they are given
// up together, and nobody is cut who could still be told why.
func TestBudgetOfSharedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const channels, each, rounds, length = 8, 20, 10, 20_000
		b := NewBudget(channels * rounds / 2 * length)
		var all [channels][]*receiver
		for i := range all {
			for range each {
				all[i] = append(all[i], receive(t, b, 1))
			}
		}
		time.Sleep(time.Hour) // for the answers to the handshake
		given, cut := 0, 0
		for i := 0; given == 0; i++ {
			f := textFrame(strings.Repeat("x", length))
			for _, r := range all[i%channels] {
				r.conn.Send(f)
			}
			for _, some := range all {
				for _, r := range some {
					if r.slow.Load() {
						given++
					}
					if r.conn.gone.Load() {
						cut++
					}
				}
			}
		}
		if n := b.Waiting(); n > int(b.limit) {
			t.Errorf("%d bytes wait", n)
		}
		if cut > 0 || given == channels*each {
			t.Errorf("%d were given up, and %d of them were cut", given, cut)
		}
	})
}

// Whatever happens to queues, all of it counts while it waits, and nothing does
// afterwards.
func TestBudgetIsExact(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		b := NewBudget(1 << 40)
		for _, code := range []Code{StatusGoingAway, StatusTryAgainLater} {
			c, client := pair(t, Options{Flusher: f, QueueLimit: 1 << 30, Budget: b, Compress: true})
			var reading sync.WaitGroup
			reading.Go(func() { readOn(c) })
			reading.Go(func() {
				for err := error(nil); err == nil; {
					_, _, err = client.Read(t.Context())
				}
			})
			shared := textFrame(strings.Repeat("s", 100_000))
			for range 100 {
				c.Send(shared)
				c.SendAll([]Frame{textFrame(strings.Repeat("a", 100_000)), shared})
			}
			c.Close(context.Background(), code, "")
			reading.Wait()
			if n := b.Waiting(); n != 0 || len(b.conns) != 0 {
				t.Errorf("%d bytes of %d connections wait after the end", n, len(b.conns))
			}
		}
	})
}
