package socket

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What is being written is still counted: of a client that reads nothing, no more waits
// than may, whoever writes it.
func TestWaitingIsCounted(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		const limit = 200_000
		var slow atomic.Bool
		c, _ := pair(t, Options{
			Flusher: f, QueueLimit: limit, WriteTimeout: time.Hour, TooSlow: func() { slow.Store(true) },
		})
		frame := textFrame(strings.Repeat("x", 10_000))
		taken := 0
		for !slow.Load() {
			if taken > 500<<20 {
				t.Fatal("nothing was found to be too much")
			}
			c.Send(frame)
			c.mu.Lock()
			if !c.closing.Load() {
				taken += frame.Len()
			}
			waits, counted := taken-int(c.written), c.out.bytes
			c.mu.Unlock()
			if waits > limit || waits > counted {
				t.Fatalf("%d bytes wait, and %d are counted, of %d", waits, counted, limit)
			}
		}
	})
}

// A Flusher copies what it writes together. Of a client for which much waits, that is a
// small part, so that memory is bounded by what is counted.
func TestBatchIsBounded(t *testing.T) {
	f := new(Flusher)
	c, client := pair(t, Options{Flusher: f, QueueLimit: 8 << 20})
	client.SetReadLimit(1 << 20)
	large, small := textFrame(strings.Repeat("l", maxBatch+1)), textFrame(strings.Repeat("s", 10_000))
	resume := hold(c)
	var want []Frame
	for range 4 { // Twice as much as the kernel takes at first.
		want = append(want, large)
		for range 100 {
			want = append(want, small)
		}
	}
	for _, fr := range want {
		c.Send(fr)
	}
	for q := c.out; len(q.frames) > 0; q.frames = q.frames[len(q.batch()):] {
		size := 0
		for _, fr := range q.batch() {
			size += fr.Len()
		}
		if n := len(q.batch()); n != 1 && (n == 0 || size > maxBatch) {
			t.Errorf("the Flusher copies %d frames of %d bytes at once, want at most %d", n, size, maxBatch)
		}
	}
	resume()
	for i, fr := range want {
		if _, b, err := client.Read(t.Context()); err != nil || string(b) != payloadOf(fr) {
			t.Fatalf("frame %d has %d bytes (%v), want %d", i, len(b), err, fr.Len())
		}
	}
	f.Close()
}
