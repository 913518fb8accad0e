//go:build !race

package hotsock

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAllSubscribersAreSlow has nobody of a channel read. What waits is in memory once,
// each takes a goroutine and its buffer besides, and all are disconnected when it is too
// much for one of them. Who reads another channel notices nothing.
func TestAllSubscribersAreSlow(t *testing.T) {
	const (
		slow  = 300
		size  = 30_000
		limit = 1 << 20
		// each is what a slow subscriber may take: the chunk that is written, stacks,
		// pointers to what waits, and what its client in this process has.
		each = 48 << 10
	)
	inRig(t, Options{MaxQueueSize: limit, WriteTimeout: time.Hour}, func(t *testing.T, r *rig) {
		publish := func(channel, data string) {
			if _, err := r.h.Publish(t.Context(), Message{Channel: channel, Event: "e", Data: data}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		reads := r.connect("reads")
		reads.Subscribe("quick")
		for range slow {
			r.connect("slow").Subscribe("slow")
		}
		goroutines, heap := runtime.NumGoroutine(), heapInUse()
		const rounds = 2 * limit / size
		for i := range rounds {
			publish("slow", strings.Repeat("x", size))
			began := time.Now()
			publish("quick", "1")
			reads.Expect("e")
			if d := time.Since(began); d > 0 {
				t.Errorf("another channel's message took %v", d)
			}
			if n := runtime.NumGoroutine() - goroutines; n > 2*slow+runtime.GOMAXPROCS(0) { // who hand out, too
				t.Fatalf("%d goroutines for %d who are slow", n, slow)
			}
			if i == rounds/2-2 { // The next ones are too much.
				if n := r.h.Stats().Disconnected["slow"]; n > 0 {
					t.Errorf("%d were disconnected before it was too much", n)
				}
				// What the store keeps to be replayed is the same again.
				if n := int64(heapInUse()) - int64(heap); n > 2*limit+slow*each {
					t.Errorf("%d bytes are kept for %d who are slow", n, slow)
				}
			}
		}
		s := r.h.Stats()
		if s.Disconnected["slow"] != slow || s.Connections != 1 || s.QueuedBytes != 0 {
			t.Errorf("%d were disconnected, %d are connected, %d bytes wait", s.Disconnected["slow"], s.Connections, s.QueuedBytes)
		}
		if info, err := r.h.ChannelInfo(t.Context(), "slow"); err != nil || info.SubscriptionsCount != 0 {
			t.Errorf("%d subscriptions are left (%v)", info.SubscriptionsCount, err)
		}
	})
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
