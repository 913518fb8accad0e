package hotsock

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Clients that read nothing, each on a channel of its own, cannot make a node keep
// more than its total. Who reads loses nothing by it.
func TestSlowClientsTogether(t *testing.T) {
	const (
		total  = 1 << 20
		slow   = 100
		rounds = 10
	)
	inRig(t, Options{MaxTotalQueueSize: total, WriteTimeout: time.Hour}, func(t *testing.T, r *rig) {
		publish := func(channel string) {
			m := Message{Channel: channel, Event: "e", Data: strings.Repeat("x", 30_000)}
			if _, err := r.h.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		reads := r.connect("reads")
		reads.Subscribe("reads")
		for i := range slow {
			r.connect(fmt.Sprint(i)).Subscribe(fmt.Sprint(i))
		}
		for range rounds {
			for i := range slow {
				publish(fmt.Sprint(i))
				if n := r.h.Stats().QueuedBytes; n > total+(slow+1)*(64<<10) {
					t.Fatalf("%d bytes wait", n)
				}
			}
			publish("reads")
			reads.Expect("e")
			time.Sleep(time.Second)
		}
		s := r.h.Stats()
		if want := uint64(slow * rounds * 30_000 / (total + slow*64<<10)); s.Disconnected["slow"] < want {
			t.Errorf("%d clients were too slow, want at least %d", s.Disconnected["slow"], want)
		}
	})
}
