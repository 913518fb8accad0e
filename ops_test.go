package hotsock

import (
	"context"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// Whatever changes a connection's subscriptions waits for whoever is at it. In
// these tests, a Subscribe of the store is under way when the other one begins.

const (
	subscribeA   = `{"event":"hotsock.subscribe","channel":"a"}`
	unsubscribeA = `{"event":"hotsock.unsubscribe","channel":"a"}`
)

// only checks that the connection is subscribed to the channel once.
func (r *rig) only(channel string) {
	r.t.Helper()
	wantCounts(r, map[string]int{channel: 1})
	if n := len(r.h.hub.topic(channel).subscribers()); n != 1 {
		r.t.Errorf("%d subscriptions of %s here", n, channel)
	}
}

// started begins f, and hands over its result when there is one.
func started[T any](f func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- f() }()
	letOthersRun()
	return done
}

// letOthersRun gives those who can go on the time for it. Who waits for a mutex
// is not waited for, which synctest.Wait would do for ever.
func letOthersRun() {
	for range 20_000 {
		runtime.Gosched()
	}
}

func TestHostUnsubscribesDuringSubscribe(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		release := r.s.hold("a")
		c.Send(subscribeA)
		synctest.Wait()
		n := started(func() int {
			n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a")
			if err != nil {
				t.Error(err)
			}
			return n
		})
		release(nil)
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.unsubscribed")
		if n := <-n; n != 1 {
			t.Errorf("%d were unsubscribed", n)
		}
		wantCounts(r, map[string]int{"a": 0})
	})
}

// The same while the token subscribes.
func TestHostUnsubscribesDuringAutoSubscribe(t *testing.T) {
	inRig(t, autoSubscribing(), func(t *testing.T, r *rig) {
		release := r.s.hold("a")
		c := r.connect("ann")
		synctest.Wait()
		n := started(func() int {
			n, _ := r.h.UnsubscribeUser(t.Context(), "ann", "a")
			return n
		})
		release(nil)
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.unsubscribed")
		if n := <-n; n != 1 {
			t.Errorf("%d were unsubscribed", n)
		}
	})
}

func autoSubscribing() Options {
	return Options{Authenticate: func(r *http.Request) (*Claims, error) {
		c := everything(r.URL.Query().Get("uid"))
		c.Channels["a"] = ChannelClaims{AutoSubscribe: Allow}
		return c, nil
	}}
}

// What the token subscribes while the store is away follows.
func TestAutoSubscribeWhileUnavailable(t *testing.T) {
	inRig(t, autoSubscribing(), func(t *testing.T, r *rig) {
		release := r.s.hold("a")
		c := r.connect("ann")
		synctest.Wait()
		release(store.ErrUnavailable)
		c.Expect("UNAVAILABLE")
		m := c.Expect("hotsock.subscribed")
		if m.Channel != "a" || m.Member("autoSubscribed") != true || m.Member("lastId") == nil {
			t.Errorf("told %s", m.Text)
		}
		r.only("a")
	})
}

func TestMetadataChangesDuringSubscribe(t *testing.T) {
	inRig(t, Options{Keys: []Key{tokenHS256.Key()}}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		release := r.s.hold("a")
		c.Send(subscribeA)
		synctest.Wait()
		ann := r.h.conns.ofUser("ann")[0]
		token := tokenSign(t, Claims{
			Scope: ScopeUMD, UID: "ann", UMD: []byte("1"), Channels: map[string]ChannelClaims{"a": {UMDUpdate: Allow}},
		}, tokenHS256)
		err := started(func() error {
			_, err := r.h.peers.do(&peerRequest{Op: peerUMD, Connection: ann.id, Secret: ann.secret[:], Channel: "a", Token: token})
			return err
		})
		release(nil)
		c.Expect("hotsock.subscribed")
		if err := <-err; err != nil {
			t.Error(err)
		}
	})
}

// A client gives up what the server is just trying again.
func TestUnsubscribeDuringRetry(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setDown(true)
		c.Do(subscribeA, "UNAVAILABLE")
		r.s.setDown(false)
		release := r.s.hold("a")
		time.Sleep(10 * time.Second)
		c.Send(unsubscribeA)
		letOthersRun()
		release(nil)
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.unsubscribed")
		wantCounts(r, map[string]int{"a": 0})
	})
}

// The server's next try comes while the client's own is under way.
func TestRetryDuringSubscribe(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setDown(true)
		c.Do(subscribeA, "UNAVAILABLE")
		release := r.s.hold("a")
		r.s.setDown(false)
		c.Send(subscribeA)
		synctest.Wait()
		retried := started(r.h.conns.ofUser("ann")[0].retryOnce)
		release(nil)
		c.Expect("hotsock.subscribed")
		if !<-retried {
			t.Error("something still waits")
		}
		r.only("a")
		c.ExpectNothing()
	})
}

// A client leaves while the server makes the store know it again.
func TestUnsubscribeDuringResync(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(subscribeA, "hotsock.subscribed")
		release := r.s.hold("a")
		r.s.receiver.Lost("a")
		synctest.Wait()
		c.Send(unsubscribeA)
		letOthersRun()
		release(nil)
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.unsubscribed")
		wantCounts(r, map[string]int{"a": 0})
	})
}

// The server makes the store know a subscription again, which its client is just
// catching up with.
func TestResyncDuringResume(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(subscribeA, "hotsock.subscribed")
		release := r.s.hold("a")
		c.Send(`{"event":"hotsock.subscribe","channel":"a","data":{"after":null}}`)
		synctest.Wait()
		r.s.receiver.Lost("a")
		letOthersRun()
		release(nil)
		c.Expect("hotsock.subscribed")
		if f := c.Expect("hotsock.subscribed"); f.Member("recovered") != false {
			t.Errorf("told %s", f.Text)
		}
		r.only("a")
	})
}

// A connection ends while the server makes the store know it again.
func TestEndDuringResync(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(subscribeA, "hotsock.subscribed")
		release := r.s.hold("a")
		r.s.receiver.Lost("a")
		synctest.Wait()
		c.Cut()
		letOthersRun()
		release(nil)
		time.Sleep(10 * time.Second)
		wantCounts(r, map[string]int{"a": 0})
	})
}

// A connection that ends while it is added to the store again is not left there.
func TestEndWhileAddedAgain(t *testing.T) {
	events := EventSinkFunc(func(context.Context, Event) error { return nil })
	inRig(t, Options{Events: events}, func(t *testing.T, r *rig) {
		ann := r.connect("ann")
		id := onlyConnection(r)
		release := r.s.hold(id)
		r.s.receiver.Rejoin()
		synctest.Wait()
		ann.Cut()
		letOthersRun()
		release(nil)
		for len(r.h.conns.all()) > 0 {
			time.Sleep(time.Millisecond)
		}
		r.h.conns.running.Wait()
		if r.s.known[id] {
			t.Error("the store knows the connection")
		}
	})
}

// What the store has yet to be told of an end is out of date when the client is
// subscribed again.
func TestSubscribeAgainBeforeTheStoreKnowsOfTheEnd(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(subscribeA, "hotsock.subscribed")
		r.s.setDown(true)
		c.Do(unsubscribeA, "hotsock.unsubscribed")
		r.s.setDown(false)
		c.Do(subscribeA, "hotsock.subscribed")
		time.Sleep(time.Minute)
		r.only("a")
	})
}
