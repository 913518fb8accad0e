package hotsock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

func (r *rig) subscribe(uid, channel string, claims ChannelClaims) (int, error) {
	return r.h.Subscribe(r.t.Context(), Target{UID: uid}, channel, claims)
}

// A client whose own subscribe waits is answered, too: it is subscribed by then.
func TestSubscribeWhileTheClientWaits(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setAway("room")
		c.Do(`{"event":"hotsock.subscribe","channel":"room","data":{"after":null},"ref":"1"}`, "UNAVAILABLE")
		if n, err := r.subscribe("ann", "room", ChannelClaims{}); n != 0 || !errors.Is(err, &Error{Code: CodeUnavailable}) {
			t.Errorf("while the store is away: %d, %v", n, err)
		}
		r.s.setAway()
		if n, err := r.subscribe("ann", "room", ChannelClaims{}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if f := c.Expect("hotsock.subscribed"); f.Member("autoSubscribed") != true || f.Ref != "" {
			t.Errorf("told %s", f.Text)
		}
		if f := c.Expect("hotsock.subscribed"); f.Ref != "1" {
			t.Errorf("answered %s", f.Text)
		}
		wantCounts(r, map[string]int{"room": 1})
	})
}

// No hook is asked, and one that is being asked for the same channel makes no second
// subscription.
func TestSubscribeAsksNoHook(t *testing.T) {
	var asked chan struct{}
	var o Options
	o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
		<-asked
		return nil, &Error{Code: "NO"}
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		asked = make(chan struct{})
		c := r.connect("ann")
		c.Send(`{"event":"hotsock.subscribe","channel":"room","ref":"1"}`)
		synctest.Wait()
		if n, err := r.subscribe("ann", "room", ChannelClaims{}); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		close(asked)
		c.Expect("hotsock.subscribed")
		c.Expect("NO")
		c.Do(`{"event":"hotsock.subscribe","channel":"room"}`, "ALREADY_SUBSCRIBED")
		wantCounts(r, map[string]int{"room": 1})
	})
}

// A connection that ends, or is about to, is not counted, and not subscribed.
func TestSubscribeWhoIsLeaving(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.connect("ann")
		conn := r.h.conns.ofUser("ann")[0]
		conn.mu.Lock()
		conn.reason = reasonShutdown
		conn.mu.Unlock()
		if n, err := r.subscribe("ann", "room", ChannelClaims{}); n != 0 || err != nil {
			t.Errorf("closing: %d, %v", n, err)
		}
		conn.mu.Lock()
		conn.reason = reasonNone
		conn.mu.Unlock()
		conn.close(reasonHost)
		if n, err := r.subscribe("ann", "room", ChannelClaims{}); n != 0 || err != nil {
			t.Errorf("ended: %d, %v", n, err)
		}
		synctest.Wait()
		wantCounts(r, map[string]int{"room": 0})
	})
}

// The store is away when entries are to be read that may be observed in addition: the
// client gets them with a snapshot when it is back.
func TestObserveMoreWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("room")
		if n, err := r.subscribe("ann", "room", ChannelClaims{Storage: map[string]StorageClaims{"*": {Observe: Deny}}}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "room", Key: "k", Data: 1}); err != nil {
			t.Fatal(err)
		}
		r.s.setDown(true)
		// One connection takes no other nodes.
		if n, err := r.h.Subscribe(t.Context(), Target{ConnectionID: c.ID}, "room", ChannelClaims{}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(time.Minute)
		r.s.setDown(false)
		if f := c.Expect("hotsock.subscribed"); f.Member("recovered") != false {
			t.Errorf("told %s", f.Text)
		}
		c.Expect("hotsock.channelStorageUpdated")
	})
}

// While the app changes what is observed, and clients and the app write and read, the
// client never sees an older value after a newer one, and in the end the newest.
func TestObserveMoreWhileWriting(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("room")
		var work sync.WaitGroup
		const writes = 200
		work.Go(func() {
			for n := 1; n <= writes; n++ {
				if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "room", Key: "k", Data: n}); err != nil {
					t.Error(err)
				}
			}
		})
		work.Go(func() {
			for n := range writes {
				claims := ChannelClaims{}
				if n%2 == 0 {
					claims.Storage = map[string]StorageClaims{"k": {Observe: Deny}}
				}
				if n, err := r.subscribe("ann", "room", claims); n != 1 || err != nil {
					t.Error(n, err)
				}
			}
		})
		for n := range writes {
			c.Send(fmt.Sprintf(`{"event":"hotsock.channelStorageGet","channel":"room","key":"k","ref":"%d"}`, n))
		}
		work.Wait()
		c.Send(`{"event":"hotsock.ping","ref":"end"}`)
		last := 0.0
		for {
			f := c.Next()
			if f.Ref == "end" {
				break
			}
			var n float64
			if v, ok := f.Value().(float64); ok {
				n = v
			}
			if n < last {
				t.Fatalf("%v after %v", n, last)
			}
			last = n
		}
		if last != writes {
			t.Errorf("the last is %v", last)
		}
	})
}

// A lateStore calls something when the next entries have been read.
type lateStore struct {
	store.Store
	read *atomic.Pointer[func()]
}

func (s lateStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	n, err := s.Store.Join(ctx, r, o)
	return lateNode{n, s.read}, err
}

type lateNode struct {
	store.Node
	read *atomic.Pointer[func()]
}

func (n lateNode) Entries(ctx context.Context, q store.EntriesRequest) (store.EntriesResult, error) {
	r, err := n.Node.Entries(ctx, q)
	if f := n.read.Swap(nil); f != nil {
		(*f)()
	}
	return r, err
}

// A client reads an entry that it may not observe, and while the answer is on its way it
// may, and is sent a newer version: it is answered with that.
func TestObserveMoreWhileReading(t *testing.T) {
	var read atomic.Pointer[func()]
	inRig(t, Options{Store: lateStore{storememory.New(), &read}}, func(t *testing.T, r *rig) {
		set := func(data any) {
			t.Helper()
			if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "room", Key: "k", Data: data}); err != nil {
				t.Error(err)
			}
		}
		may := func(claims ChannelClaims) {
			t.Helper()
			if n, err := r.subscribe("ann", "room", claims); n != 1 || err != nil {
				t.Error(n, err)
			}
		}
		c := r.connect("ann")
		c.Subscribe("room")
		may(ChannelClaims{Storage: map[string]StorageClaims{"k": {Observe: Deny}}})
		set("old")
		meanwhile := func() {
			may(ChannelClaims{})
			set("new")
			synctest.Wait()
		}
		read.Store(&meanwhile)
		c.Send(`{"event":"hotsock.channelStorageGet","channel":"room","key":"k"}`)
		if _, answer := c.Until("hotsock.channelStorageData"); answer.Value() != "new" {
			t.Errorf("answered %s", answer.Text)
		}
	})
}
