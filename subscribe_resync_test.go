package hotsock

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// While the store is away, commands are answered at once, also on a connection
// whose subscriptions must be made known to it again.
func TestCommandsWhileResubscribed(t *testing.T) {
	for name, cause := range map[string]func(store.Receiver){
		"Lost":   func(r store.Receiver) { r.Lost("a") },
		"Rejoin": store.Receiver.Rejoin,
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				c := r.connect("ann")
				for _, channel := range []string{"a", "b"} {
					c.Subscribe(channel)
				}
				r.s.setDown(true)
				cause(r.s.receiver)
				synctest.Wait()
				began := time.Now()
				c.Do(`{"event":"hotsock.subscribe","channel":"c"}`, "UNAVAILABLE")
				c.Do(`{"event":"hotsock.unsubscribe","channel":"b"}`, "hotsock.unsubscribed")
				c.ExpectNothing()
				if d := time.Since(began); d > 0 {
					t.Errorf("the answers took %v", d)
				}
				time.Sleep(10 * time.Second)
				r.s.setDown(false)
				time.Sleep(10 * time.Second)
				wantCounts(r, map[string]int{"a": 1, "b": 0, "c": 1})
			})
		})
	}
}

// Who leaves a channel and comes back before a loss has been dealt with need not
// be told of it: nothing is missing since.
func TestLostBeforeSubscribing(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.setDown(true)
		r.s.receiver.Lost("a")
		synctest.Wait()
		c.Do(`{"event":"hotsock.unsubscribe","channel":"a"}`, "hotsock.unsubscribed")
		r.s.setDown(false)
		c.Subscribe("a")
		time.Sleep(time.Minute)
		c.Do(`{"event":"chat","channel":"a"}`, "chat")
	})
}

// A subscription that cannot be made known to the store again ends, and the
// client is told so and why.
func TestCannotBeResubscribed(t *testing.T) {
	for name, cause := range map[string]func(store.Receiver){
		"Lost":   func(r store.Receiver) { r.Lost("presence.x") },
		"Rejoin": store.Receiver.Rejoin,
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, Options{MaxMembersSize: 40}, func(t *testing.T, r *rig) {
				c := r.connect("ann")
				const subscribe = `{"event":"hotsock.subscribe","channel":"presence.x"}`
				c.Do(subscribe, "hotsock.subscribed")
				// The store takes the node for dead, and somebody takes the place.
				if _, err := r.h.node.Unsubscribe(t.Context(), store.UnsubscribeRequest{Channel: "presence.x", Connection: onlyConnection(r)}); err != nil {
					t.Fatal(err)
				}
				c.Expect("hotsock.memberRemoved")
				d := r.connect("bob")
				d.Do(subscribe, "hotsock.subscribed")
				c.Expect("hotsock.memberAdded")

				cause(r.s.receiver)
				c.Expect("hotsock.unsubscribed")
				if m := c.Expect("PRESENCE_CHANNEL_CAPACITY_REACHED"); m.Channel != "presence.x" {
					t.Errorf("told %v", m)
				}
				c.Do(subscribe, "PRESENCE_CHANNEL_CAPACITY_REACHED")
				if name == "Lost" {
					d.Expect("hotsock.subscribed")
				}
				d.Do(`{"event":"chat","channel":"presence.x"}`, "chat")
				wantCounts(r, map[string]int{"presence.x": 1})
			})
		})
	}
}

// When more came while a subscription began than can be held, the client is
// disconnected. What follows the gap must not reach it before.
func TestNothingAfterWhatCouldNotBeHeld(t *testing.T) {
	inRig(t, Options{MaxQueueSize: 64 << 10}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		s := r.h.conns.get(onlyConnection(r)).subscription("a")
		message := func(size int) *store.Item {
			id := ulid.MustNew(ulid.Now()+1, ulid.DefaultEntropy())
			data := []byte(`"` + strings.Repeat("x", size) + `"`)
			return &store.Item{ID: id, Channel: "a", Message: &store.Message{ID: id, Channel: "a", Event: "e", Data: data}}
		}
		s.topic.mu.Lock()
		s.state = subBuffering
		for _, size := range []int{10, 64 << 10, 10} {
			item := message(size)
			s.deliver(item, itemFrame(item))
		}
		s.passItems(s.position)
		item := message(10)
		if s.deliver(item, itemFrame(item)) {
			t.Error("it goes on after the gap")
		}
		s.topic.mu.Unlock()
	})
}
