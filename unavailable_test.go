package hotsock

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

func TestSubscribeWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setDown(true)
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "UNAVAILABLE")
		c.Do(`{"event":"hotsock.subscribe","channel":"b"}`, "UNAVAILABLE")
		// What is given up meanwhile must not come later.
		c.Do(`{"event":"hotsock.unsubscribe","channel":"b"}`, "hotsock.unsubscribed")
		time.Sleep(30 * time.Second)
		r.s.setDown(false)
		if m := c.Expect("hotsock.subscribed"); m.Channel != "a" {
			t.Errorf("subscribed to %v", m.Channel)
		}
		time.Sleep(time.Minute)
		info, err := r.h.ChannelInfo(t.Context(), "b")
		if err != nil || info.SubscriptionsCount != 0 {
			t.Errorf("b has %+v, %v", info, err)
		}
		// And it is a subscription like any other.
		c.Do(`{"event":"chat","channel":"a","data":1}`, "chat")
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "ALREADY_SUBSCRIBED")
	})
}

// Of a store in parts, what the living parts have does not wait for the others.
func TestPartOfTheStoreIsAway(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.setAway("a", "b", "c")
		c.Do(`{"event":"hotsock.unsubscribe","channel":"a"}`, "hotsock.unsubscribed")
		r.s.setDown(true)
		for _, channel := range []string{"b", "c", "d", "e"} {
			c.Do(`{"event":"hotsock.subscribe","channel":"`+channel+`"}`, "UNAVAILABLE")
		}
		r.s.setDown(false)
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.subscribed")
		synctest.Wait() // for this try to end: the next one begins with what is away now
		wantCounts(r, map[string]int{"a": 1, "b": 0, "c": 0, "d": 1, "e": 1})
		r.s.setAway()
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.subscribed")
		wantCounts(r, map[string]int{"a": 0, "b": 1, "c": 1, "d": 1, "e": 1})
	})
}

func TestWaitingSubscribeEndsWithItsError(t *testing.T) {
	inRig(t, Options{MaxMembersSize: 40}, func(_ *testing.T, r *rig) {
		a, b := r.connect("ann"), r.connect("bob")
		r.s.setDown(true)
		b.Do(`{"event":"hotsock.subscribe","channel":"presence.x"}`, "UNAVAILABLE")
		r.s.setDown(false)
		a.Subscribe("presence.x")
		b.Expect("PRESENCE_CHANNEL_CAPACITY_REACHED")
	})
}

func TestWhatFailsWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.setDown(true)

		c.Do(`{"event":"chat","channel":"a","data":"lost"}`, "UNAVAILABLE")
		if _, err := r.h.Publish(t.Context(), Message{Channel: "a", Event: "e"}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, &Error{Code: CodeUnavailable}) {
			t.Errorf("Publish: %v", err)
		}
		if err := r.h.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ready: %v", err)
		}
		_, resp, err := wstest.Try(t, r.url("bob"), r.dial())
		if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("connecting: %v, %v", resp, err)
		}
		time.Sleep(time.Minute) // the open socket stays
		r.s.setDown(false)

		c.Send(`{"event":"chat","channel":"a","data":"kept"}`)
		if m := c.Expect("chat"); string(m.Data) != `"kept"` {
			t.Errorf("delivered %v, which had failed", m.Text)
		}
	})
}

func TestLeavingWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		for _, channel := range []string{"a", "b", "c"} {
			c.Subscribe(channel)
		}
		r.s.setDown(true)
		// By command, by command and again, by the end of the connection.
		c.Do(`{"event":"hotsock.unsubscribe","channel":"a"}`, "hotsock.unsubscribed")
		c.Do(`{"event":"hotsock.unsubscribe","channel":"b"}`, "hotsock.unsubscribed")
		c.Do(`{"event":"hotsock.subscribe","channel":"b"}`, "UNAVAILABLE")
		time.Sleep(10 * time.Second)
		r.s.setDown(false)
		c.Expect("hotsock.subscribed")
		time.Sleep(10 * time.Second)
		wantCounts(r, map[string]int{"a": 0, "b": 1, "c": 1})

		r.s.setDown(true)
		c.Close()
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
		c.Send(`{"event":"hotsock.subscribe","channel":"a","data":{"after":null}}`)
		last, _ := c.Expect("hotsock.subscribed").Member("lastId").(string)
		publish := func(event string) {
			t.Helper()
			if _, err := r.h.Publish(t.Context(), Message{Channel: "a", Event: event}); err != nil {
				t.Fatal(err)
			}
		}
		publish("first")
		c.Expect("first")
		r.s.setDown(true)
		for range 2 { // the second takes the place of the first
			c.Do(`{"event":"hotsock.subscribe","channel":"a","data":{"after":"`+last+`"}}`, "UNAVAILABLE")
		}
		id := ulid.MustNew(ulid.Now()+1, ulid.DefaultEntropy())
		r.s.receiver.Deliver(&store.Item{ID: id, Channel: "a", Message: &store.Message{ID: id, Channel: "a", Event: "live"}})
		c.Expect("live")
		r.s.setDown(false)
		if f := c.Expect("hotsock.subscribed"); f.Member("recovered") != true {
			t.Errorf("told %s", f.Text)
		}
		c.Expect("first") // once more
		publish("second")
		c.Expect("second")
		wantCounts(r, map[string]int{"a": 1})

		// An unsubscribe withdraws it, and ends the subscription.
		r.s.setDown(true)
		c.Do(`{"event":"hotsock.subscribe","channel":"a","data":{"after":"`+last+`"}}`, "UNAVAILABLE")
		c.Do(`{"event":"hotsock.unsubscribe","channel":"a"}`, "hotsock.unsubscribed")
		r.s.setDown(false)
		time.Sleep(time.Minute)
		wantCounts(r, map[string]int{"a": 0})
		c.ExpectNothing()
	})
}

func TestRejoin(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		for _, channel := range []string{"a", "presence.b"} {
			c.Subscribe(channel)
		}
		// The store forgets, and is down for a while.
		for _, channel := range []string{"a", "presence.b"} {
			if _, err := r.h.node.Unsubscribe(t.Context(), store.UnsubscribeRequest{Channel: channel, Connection: onlyConnection(r)}); err != nil {
				t.Fatal(err)
			}
		}
		c.Expect("hotsock.memberRemoved")
		r.s.setDown(true)
		r.s.receiver.Rejoin()
		time.Sleep(10 * time.Second)
		r.s.setDown(false)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantCounts(r, map[string]int{"a": 1, "presence.b": 1})
		// It has seen itself leave, and must see that it is there again.
		c.Expect("hotsock.memberAdded")
		c.Do(`{"event":"chat","channel":"a"}`, "chat")
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
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "UNAVAILABLE")
		if n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a"); n != 0 || asError(err).Code != CodeUnavailable {
			t.Errorf("unsubscribed %d, %v", n, err)
		}
		if m := c.Expect("hotsock.unsubscribed"); m.Channel != "a" {
			t.Errorf("told %v", m)
		}
		r.s.setDown(false)
		time.Sleep(time.Minute)
		wantCounts(r, map[string]int{"a": 0})
	})
}
