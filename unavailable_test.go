package hotsock

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

func TestSubscribeWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setDown(true)
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("UNAVAILABLE")
		c.send(`{"event":"hotsock.subscribe","channel":"b"}`)
		c.next("UNAVAILABLE")
		// What is given up meanwhile must not come later.
		c.send(`{"event":"hotsock.unsubscribe","channel":"b"}`)
		c.next("hotsock.unsubscribed")
		time.Sleep(30 * time.Second)
		r.s.setDown(false)
		if m := c.next("hotsock.subscribed"); m["channel"] != "a" {
			t.Errorf("subscribed to %v", m["channel"])
		}
		time.Sleep(time.Minute)
		info, err := r.h.ChannelInfo(t.Context(), "b")
		if err != nil || info.SubscriptionsCount != 0 {
			t.Errorf("b has %+v, %v", info, err)
		}
		// And it is a subscription like any other.
		c.send(`{"event":"chat","channel":"a","data":1}`)
		c.next("chat")
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("ALREADY_SUBSCRIBED")
	})
}

// Of a store in parts, what the living parts have does not wait for the others.
func TestPartOfTheStoreIsAway(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("hotsock.subscribed")
		r.s.setAway("a", "b", "c")
		c.send(`{"event":"hotsock.unsubscribe","channel":"a"}`)
		c.next("hotsock.unsubscribed")
		r.s.setDown(true)
		for _, channel := range []string{"b", "c", "d", "e"} {
			c.send(`{"event":"hotsock.subscribe","channel":"` + channel + `"}`)
			c.next("UNAVAILABLE")
		}
		r.s.setDown(false)
		c.next("hotsock.subscribed")
		c.next("hotsock.subscribed")
		wantCounts(r, map[string]int{"a": 1, "b": 0, "c": 0, "d": 1, "e": 1})
		r.s.setAway()
		c.next("hotsock.subscribed")
		c.next("hotsock.subscribed")
		wantCounts(r, map[string]int{"a": 0, "b": 1, "c": 1, "d": 1, "e": 1})
	})
}

func TestWaitingSubscribeEndsWithItsError(t *testing.T) {
	inRig(t, Options{MaxMembersSize: 40}, func(_ *testing.T, r *rig) {
		a, b := r.connect("ann"), r.connect("bob")
		r.s.setDown(true)
		b.send(`{"event":"hotsock.subscribe","channel":"presence.x"}`)
		b.next("UNAVAILABLE")
		r.s.setDown(false)
		a.send(`{"event":"hotsock.subscribe","channel":"presence.x"}`)
		a.next("hotsock.subscribed")
		b.next("PRESENCE_CHANNEL_CAPACITY_REACHED")
	})
}

func TestWhatFailsWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("hotsock.subscribed")
		r.s.setDown(true)

		c.send(`{"event":"chat","channel":"a","data":"lost"}`)
		c.next("UNAVAILABLE")
		if _, err := r.h.Publish(t.Context(), Message{Channel: "a", Event: "e"}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, &Error{Code: CodeUnavailable}) {
			t.Errorf("Publish: %v", err)
		}
		if err := r.h.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ready: %v", err)
		}
		_, resp, err := r.dial("bob")
		if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("connecting: %v, %v", resp, err)
		}
		time.Sleep(time.Minute) // the open socket stays
		r.s.setDown(false)

		c.send(`{"event":"chat","channel":"a","data":"kept"}`)
		if m := c.next("chat"); m["data"] != "kept" {
			t.Errorf("delivered %v, which had failed", m["data"])
		}
	})
}

func TestLeavingWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		for _, channel := range []string{"a", "b", "c"} {
			c.send(`{"event":"hotsock.subscribe","channel":"` + channel + `"}`)
			c.next("hotsock.subscribed")
		}
		r.s.setDown(true)
		// By command, by command and again, by the end of the connection.
		c.send(`{"event":"hotsock.unsubscribe","channel":"a"}`)
		c.next("hotsock.unsubscribed")
		c.send(`{"event":"hotsock.unsubscribe","channel":"b"}`)
		c.next("hotsock.unsubscribed")
		c.send(`{"event":"hotsock.subscribe","channel":"b"}`)
		c.next("UNAVAILABLE")
		time.Sleep(10 * time.Second)
		r.s.setDown(false)
		c.next("hotsock.subscribed")
		time.Sleep(10 * time.Second)
		wantCounts(r, map[string]int{"a": 0, "b": 1, "c": 1})

		r.s.setDown(true)
		_ = c.conn.Close(websocket.StatusNormalClosure, "")
		time.Sleep(10 * time.Second)
		r.s.setDown(false)
		time.Sleep(10 * time.Second)
		wantCounts(r, map[string]int{"a": 0, "b": 0, "c": 0})
	})
}

func wantCounts(r *rig, want map[string]int) {
	r.t.Helper()
	for channel, n := range want {
		info, err := r.h.ChannelInfo(context.Background(), channel)
		if err != nil || info.SubscriptionsCount != n {
			r.t.Errorf("%s: %d subscriptions, %v; want %d", channel, info.SubscriptionsCount, err, n)
		}
	}
}

// While the store is away, a subscription that is to begin again goes on as it
// was, and begins again when the store is back.
func TestResumeWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.send(`{"event":"hotsock.subscribe","channel":"a","data":{"after":null}}`)
		last, _ := c.next("hotsock.subscribed")["data"].(map[string]any)["lastId"].(string)
		publish := func(event string) {
			t.Helper()
			if _, err := r.h.Publish(t.Context(), Message{Channel: "a", Event: event}); err != nil {
				t.Fatal(err)
			}
		}
		publish("first")
		c.next("first")
		r.s.setDown(true)
		for range 2 { // the second takes the place of the first
			c.send(`{"event":"hotsock.subscribe","channel":"a","data":{"after":"` + last + `"}}`)
			c.next("UNAVAILABLE")
		}
		id := ulid.MustNew(ulid.Now()+1, ulid.DefaultEntropy())
		r.s.receiver.Deliver(&store.Item{ID: id, Channel: "a", Message: &store.Message{ID: id, Channel: "a", Event: "live"}})
		c.next("live")
		r.s.setDown(false)
		if data := c.next("hotsock.subscribed")["data"].(map[string]any); data["recovered"] != true {
			t.Errorf("told %v", data)
		}
		c.next("first") // once more
		publish("second")
		c.next("second")
		wantCounts(r, map[string]int{"a": 1})

		// An unsubscribe withdraws it, and ends the subscription.
		r.s.setDown(true)
		c.send(`{"event":"hotsock.subscribe","channel":"a","data":{"after":"` + last + `"}}`)
		c.next("UNAVAILABLE")
		c.send(`{"event":"hotsock.unsubscribe","channel":"a"}`)
		c.next("hotsock.unsubscribed")
		r.s.setDown(false)
		time.Sleep(time.Minute)
		wantCounts(r, map[string]int{"a": 0})
		c.send(`{"event":"hotsock.ping"}`)
		c.next("hotsock.pong")
	})
}

func TestRejoin(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		for _, channel := range []string{"a", "presence.b"} {
			c.send(`{"event":"hotsock.subscribe","channel":"` + channel + `"}`)
			c.next("hotsock.subscribed")
		}
		// The store forgets, and is down for a while.
		for _, channel := range []string{"a", "presence.b"} {
			if _, err := r.h.node.Unsubscribe(t.Context(), channel, onlyConnection(r)); err != nil {
				t.Fatal(err)
			}
		}
		c.next("hotsock.memberRemoved")
		r.s.setDown(true)
		r.s.receiver.Rejoin()
		time.Sleep(10 * time.Second)
		r.s.setDown(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantCounts(r, map[string]int{"a": 1, "presence.b": 1})
		// It has seen itself leave, and must see that it is there again.
		c.next("hotsock.memberAdded")
		c.send(`{"event":"chat","channel":"a"}`)
		c.next("chat")
	})
}

func onlyConnection(r *rig) string {
	r.t.Helper()
	all := r.h.conns.all()
	if len(all) != 1 {
		r.t.Fatalf("%d connections", len(all))
	}
	return all[0].id
}

// A subscribe that waits for the store is withdrawn when the host unsubscribes the
// user, and the client need not wait any longer.
func TestUnsubscribedByTheHostWhileWaiting(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setDown(true)
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.next("UNAVAILABLE")
		if n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a"); n != 0 || asError(err).Code != CodeUnavailable {
			t.Errorf("unsubscribed %d, %v", n, err)
		}
		if m := c.next("hotsock.unsubscribed"); m["channel"] != "a" {
			t.Errorf("told %v", m)
		}
		r.s.setDown(false)
		time.Sleep(time.Minute)
		wantCounts(r, map[string]int{"a": 0})
	})
}
