package hotsock

import (
	"bytes"
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"weak"
)

// TestManySubscribers has several goroutines hand each message out: all subscribers get all
// messages, in one order.
func TestManySubscribers(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(before)
	const subscribers, publishers, each = 600, 4, 10
	h, clients := audience(t, subscribers)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range each {
				m := Message{Channel: "room.1", Event: "e", Data: strconv.Itoa(p) + "." + strconv.Itoa(100+i)}
				if _, err := h.Publish(context.Background(), m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	got := make([][]byte, subscribers)
	for i, c := range clients {
		all.Go(func() {
			for bytes.Count(got[i], []byte(`"e"`)) < publishers*each {
				b := make([]byte, 4<<10)
				n, err := c.Read(b)
				if got[i] = append(got[i], b[:n]...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	for i, b := range got {
		if !bytes.Equal(b, got[0]) {
			t.Fatalf("client %d was sent %d bytes that differ from the %d of another", i, len(b), len(got[0]))
		}
	}
	if s := h.Stats(); s.Delivered != subscribers*publishers*each {
		t.Errorf("%d were delivered", s.Delivered)
	}
}

// A channel keeps no subscription that has left it, whether it was the first or not.
func TestChannelForgetsWhoLeft(t *testing.T) {
	topic := new(topic)
	topic.subs = topic.one[:0]
	stays, left := new(subscription), weak.Pointer[subscription]{}
	func() {
		leaves := new(subscription)
		left = weak.Make(leaves)
		topic.add(leaves)
		topic.add(stays)
		topic.remove(leaves)
	}()
	runtime.GC()
	if left.Value() != nil {
		t.Error("who has left is kept")
	}
	if subs := topic.subscribers(); len(subs) != 1 || subs[0] != stays {
		t.Errorf("%d are there, want the one who stays", len(subs))
	}
}
