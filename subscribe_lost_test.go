package hotsock

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

func TestLost(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c, d := r.connect("ann"), r.connect("bob")
		if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "a", Key: "k", Data: 1}); err != nil {
			t.Fatal(err)
		}
		c.Subscribe("a")
		c.Expect("hotsock.channelStorageUpdated")
		d.Subscribe("b")

		r.s.receiver.Lost("a")
		if f := c.Expect("hotsock.subscribed"); f.Member("recovered") != false {
			t.Errorf("told %s", f.Text)
		}
		c.Expect("hotsock.channelStorageUpdated")
		c.Do(`{"event":"chat","channel":"a"}`, "chat")
		// Nobody else is troubled.
		d.Do(`{"event":"chat","channel":"b"}`, "chat")
		wantCounts(r, map[string]int{"a": 1, "b": 1})
	})
}

// What follows a gap must not be seen before the client knows of the gap: it
// would catch up from there later, and never know.
func TestLostThenDelivered(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.receiver.Lost("a")
		id := ulid.MustNew(ulid.Now()+1, ulid.DefaultEntropy()) // after the subscription's position
		r.s.receiver.Deliver(&store.Item{ID: id, Channel: "a", Message: &store.Message{ID: id, Channel: "a", Event: "after"}})
		if f := c.Expect("hotsock.subscribed"); f.Member("recovered") != false {
			t.Errorf("told %s", f.Text)
		}
		c.Expect("after")
	})
}

// A client begins its subscription again while items of the channel are lost, in
// any order. Whatever it is told, it sees nothing of what follows the loss before
// it knows of the loss.
func TestResumeAndLost(t *testing.T) {
	again := []string{"true", "first"} // what it has asked for
	loss := []string{"false", "after"} // what it must be told
	for _, row := range []struct {
		why  string
		do   func(r *rig, resume, lose func())
		want []string
	}{
		{"the loss comes while the store is asked", func(r *rig, resume, lose func()) {
			release := r.s.hold("a")
			resume()
			synctest.Wait()
			lose()
			release(nil)
		}, slices.Concat(again, loss)},
		{"the same, in vain", func(r *rig, resume, lose func()) {
			release := r.s.hold("a")
			resume()
			synctest.Wait()
			lose()
			release(store.ErrUnavailable)
		}, slices.Concat(loss, again)},
		{"before what is lost is dealt with", func(r *rig, resume, lose func()) {
			release := r.s.hold("b")
			r.s.receiver.Lost("b")
			synctest.Wait()
			lose()
			resume()
			synctest.Wait()
			release(nil)
		}, slices.Concat(again, loss)},
		{"while what is lost is dealt with", func(r *rig, resume, lose func()) {
			release := r.s.hold("a")
			lose()
			synctest.Wait()
			resume()
			release(nil)
		}, slices.Concat(loss, again)},
		{"only another loss", func(r *rig, _, lose func()) {
			release := r.s.hold("a")
			r.s.receiver.Lost("a")
			synctest.Wait()
			lose()
			release(nil)
		}, slices.Concat([]string{"false"}, loss)},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				c, other := r.connect("ann"), r.connect("bob")
				other.Subscribe("b")
				c.Send(`{"event":"hotsock.subscribe","channel":"a","data":{"after":null}}`)
				last := c.Expect("hotsock.subscribed").Member("lastId")
				if _, err := r.h.Publish(t.Context(), Message{Channel: "a", Event: "first"}); err != nil {
					t.Fatal(err)
				}
				c.Expect("first")
				row.do(r, func() {
					c.Send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"a","data":{"after":%q}}`, last))
				}, func() {
					r.s.receiver.Lost("a")
					id := ulid.MustNew(ulid.Now()+1, ulid.DefaultEntropy())
					r.s.receiver.Deliver(&store.Item{ID: id, Channel: "a", Message: &store.Message{ID: id, Channel: "a", Event: "after"}})
				})
				var got []string
				for len(got) < len(row.want) {
					f := c.Next()
					event := f.Name()
					switch event {
					case "hotsock.subscribed":
						event = fmt.Sprint(f.Member("recovered"))
					case "UNAVAILABLE": // comes from somebody else than the rest, so at any time
						continue
					}
					got = append(got, event)
				}
				if !slices.Equal(got, row.want) {
					t.Errorf("got %v, want %v", got, row.want)
				}
				time.Sleep(time.Minute)
				c.ExpectNothing()
				wantCounts(r, map[string]int{"a": 1})
			})
		})
	}
}

// Beginning again tells others nothing, even if another connection of the user
// has other metadata.
func TestOthersDoNotNoticeResuming(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		const subscribe = `{"event":"hotsock.subscribe","channel":"presence.x","data":{"after":null}}`
		first := r.connect("ann")
		first.Do(subscribe, "hotsock.subscribed")
		if _, err := r.h.node.Subscribe(t.Context(), store.SubscribeRequest{
			Channel: "presence.x", Connection: "another", UID: "ann", UMD: []byte(`"busy"`), Presence: true, MaxMembersSize: 1000,
		}); err != nil {
			t.Fatal(err)
		}
		first.Expect("hotsock.memberUpdated")
		first.Send(subscribe)
		members := first.Expect("hotsock.subscribed").Member("members").([]any)
		if umd := members[0].(map[string]any)["umd"]; umd != "busy" {
			t.Errorf("the user's metadata is %v", umd)
		}
		first.ExpectNothing()
	})
}
