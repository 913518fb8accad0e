package socket

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What is being written is still counted: of a client that reads nothing, no more waits
// than may, whoever writes it, and as much again of what the client has asked for.
func TestWaitingIsCounted(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T) (server, client net.Conn){"TCP": tcpPipe, "TLS": tlsPipe} {
		for _, asked := range []bool{false, true} {
			if asked {
				name += " with what was asked for"
			}
			t.Run(name, func(t *testing.T) {
				bothWays(t, func(t *testing.T, f *Flusher) {
					server, client := connect(t)
					defer client.Close()
					testWaitingIsCounted(t, f, server, asked)
				})
			})
		}
	}
}

func testWaitingIsCounted(t *testing.T, f *Flusher, server net.Conn, asked bool) {
	const limit = 200_000
	var slow atomic.Bool
	b := NewBudget(1 << 40)
	c, err := acceptOn(server, Options{
		Flusher: f, Budget: b, ReadLimit: 1, QueueLimit: limit, WriteTimeout: time.Hour, TooSlow: func() { slow.Store(true) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background(), StatusTryAgainLater, "")
	defer c.Cut()
	taken, most := 0, limit
	if asked {
		most = 2 * limit
	}
	for !slow.Load() {
		if taken > 500<<20 {
			t.Fatal("nothing was found to be too much")
		}
		frame := textFrame(strings.Repeat("x", 10_000))
		c.Send(frame)
		sent := frame.Len()
		if asked && c.SendAll([]Frame{frame}) {
			sent += frame.Len()
		}
		c.mu.Lock()
		if !c.closing.Load() {
			taken += sent
		}
		waits, queued := taken-int(c.written), c.out.bytes
		c.mu.Unlock()
		if waits > most || waits > queued {
			t.Fatalf("%d bytes wait, and %d are queued, of %d", waits, queued, most)
		}
		if n := b.Waiting(); queued > freeQueue && n < queued/2 {
			t.Fatalf("%d bytes count, and %d are queued", n, queued)
		}
	}
}

// Of what the client has asked for, only what still waits is in addition to the rest: when
// most of it is written, what was not asked for does not take its place.
func TestAskedIsCountedWhileItWaits(t *testing.T) {
	const limit = 1000
	frame := textFrame(strings.Repeat("x", 98)) // 100 bytes
	frames := func(n int) (all []Frame) {
		for range n {
			all = append(all, frame)
		}
		return all
	}
	for _, tt := range []struct {
		name          string
		before        int // frames that were not asked for, before the others
		groups        []int
		written       int // bytes
		asked, others int // frames that fit then
	}{
		{"nothing is written", 0, []int{10}, 0, 0, 10},
		{"a frame is begun", 0, []int{10}, 50, 0, 10},
		{"most is written", 0, []int{10}, 850, 8, 10},
		{"only what was not asked for is written", 3, []int{10}, 300, 0, 10},
		{"some of both", 3, []int{10}, 500, 2, 10},
		{"one group, and some of the next", 0, []int{4, 6}, 700, 7, 10},
		{"a group of none", 0, []int{0, 4, 6}, 700, 7, 10},
		{"all", 2, []int{4, 6}, 1200, 10, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := &queue{limit: limit, conn: new(Conn)}
			for _, f := range frames(tt.before) {
				q.add(f)
			}
			for _, n := range tt.groups {
				q.addAll(frames(n))
			}
			q.writing = len(q.frames)
			q.wrote(tt.written, false)
			if n := (limit - q.asked) / 100; n != tt.asked {
				t.Errorf("there is room for %d frames that are asked for, want %d", n, tt.asked)
			}
			others := 0
			for q.add(frame) {
				others++
			}
			if others += max(0, tt.before-tt.written/100); others != tt.others {
				t.Errorf("%d other frames wait, want %d", others, tt.others)
			}
		})
	}
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
