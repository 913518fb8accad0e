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
					c.send(`{"event":"hotsock.subscribe","channel":"` + channel + `"}`)
					c.next("hotsock.subscribed")
				}
				r.s.setDown(true)
				cause(r.s.receiver)
				synctest.Wait()
				began := time.Now()
				c.send(`{"event":"hotsock.subscribe","channel":"c"}`)
				c.next("UNAVAILABLE")
				c.send(`{"event":"hotsock.unsubscribe","channel":"b"}`)
				c.next("hotsock.unsubscribed")
				c.send(`{"event":"hotsock.ping"}`)
				c.next("hotsock.pong")
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
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("hotsock.subscribed")
		r.s.setDown(true)
		r.s.receiver.Lost("a")
		synctest.Wait()
		c.send(`{"event":"hotsock.unsubscribe","channel":"a"}`)
		c.next("hotsock.unsubscribed")
		r.s.setDown(false)
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("hotsock.subscribed")
		time.Sleep(time.Minute)
		c.send(`{"event":"chat","channel":"a"}`)
		c.next("chat")
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
				c.send(subscribe)
				c.next("hotsock.subscribed")
				// The store takes the node for dead, and somebody takes the place.
				if _, err := r.h.node.Unsubscribe(t.Context(), "presence.x", onlyConnection(r)); err != nil {
					t.Fatal(err)
				}
				c.next("hotsock.memberRemoved")
				d := r.connect("bob")
				d.send(subscribe)
				d.next("hotsock.subscribed")
				c.next("hotsock.memberAdded")

				cause(r.s.receiver)
				c.next("hotsock.unsubscribed")
				if m := c.next("PRESENCE_CHANNEL_CAPACITY_REACHED"); m["channel"] != "presence.x" {
					t.Errorf("told %v", m)
				}
				c.send(subscribe)
				c.next("PRESENCE_CHANNEL_CAPACITY_REACHED")
				if name == "Lost" {
					d.next("hotsock.subscribed")
				}
				d.send(`{"event":"chat","channel":"presence.x"}`)
				d.next("chat")
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
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("hotsock.subscribed")
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
