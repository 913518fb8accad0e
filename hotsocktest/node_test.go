package hotsocktest

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// join subscribes to a channel.
func (k *Socket) join(channel string) {
	k.t.Helper()
	k.Send(`{"event":"hotsock.subscribe","channel":"` + channel + `"}`)
	k.Expect(`{"event":"hotsock.subscribed"}`)
}

// A node that is killed leaves no ghosts: the other one tells of its end, and
// itself says nothing any more.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{Nodes: 2})
		ann, bob := s.Dial(t, Everything("ann")), s.Dial(t, Everything("bob"))
		ann.join("presence.room")
		bob.join("presence.room")
		ann.Expect(`{"event":"hotsock.memberAdded","data":{"member":{"uid":"bob"}}}`)

		s.Nodes[1].Kill()
		if _, err := bob.read(); err == nil {
			t.Error("the connection is still there")
		}
		s.Advance(4 * time.Second)
		ann.ExpectNone()
		s.Events.ExpectNone(hotsock.EventUnsubscribed, "presence.room")
		s.Advance(6 * time.Second)
		ann.Expect(`{"event":"hotsock.memberRemoved","data":{"member":{"uid":"bob"}}}`)
		s.Events.Expect(hotsock.EventUnsubscribed, "presence.room")
		s.Events.ExpectNone(hotsock.EventUnsubscribed, "presence.room")

		// Clients find the one that lives, and later both.
		again := s.Dial(t, Everything("bob"))
		again.join("presence.room")
		ann.Expect(`{"event":"hotsock.memberAdded"}`)
		s.Nodes[1].Start()
		for range 2 {
			s.Dial(t, Everything("cid")).join("room")
		}
		for i, n := range s.Nodes {
			publish(t, s, hotsock.Message{Channel: "presence.room", Event: "from", Data: i})
			if _, err := n.Handler().Publish(t.Context(), hotsock.Message{Channel: "presence.room", Event: "to", Data: i}); err != nil {
				t.Errorf("node %d: %v", i, err)
			}
			ann.Expect(`{"event":"from"}`)
			ann.Expect(`{"event":"to"}`)
		}
	})
}

// With Redis, a restarted process knows what it knew before.
func TestStopAndStart(t *testing.T) {
	everywhere(t, Options{}, func(t *testing.T, s *Server) {
		n := s.Nodes[0]
		url := n.URL
		k := s.Dial(t, Everything("ann"))
		k.join("room")
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat", Store: time.Hour})
		k.Expect(`{"event":"chat"}`)
		before := s.Handler()
		var stopping sync.WaitGroup
		stopping.Go(n.Stop)
		k.ExpectClose(websocket.StatusGoingAway) // A client that does not read would be waited for.
		stopping.Wait()
		n.Stop() // does nothing
		if _, err := s.HTTPClient().Get(n.URL + "/rt/channels/room"); err == nil {
			t.Error("a stopped node answers")
		}
		n.Start()
		if n.URL != url || s.Handler() == before {
			t.Errorf("the URL was %s and is %s", url, n.URL)
		}
		s.Dial(t, Everything("ann")).join("room")
		history, err := s.Handler().History(t.Context(), hotsock.HistoryQuery{Channel: "room"})
		if want := map[bool]int{false: 0, true: 1}[s.o.Redis]; err != nil || len(history.Items) != want {
			t.Errorf("history: %v, %v; want %d messages", history, err, want)
		}
		n.Kill()
		if err := s.Handler().Ready(t.Context()); err == nil {
			t.Error("a killed node is ready")
		}
		n.Start()
		s.Dial(t, Everything("ann")).join("room")
	})
}

// While the store is down, what is asked fails and open connections stay; when
// it is back, they get what was published meanwhile on other nodes.
func TestStoreDown(t *testing.T) {
	everywhere(t, Options{}, func(t *testing.T, s *Server) {
		k := s.Dial(t, Everything("ann"))
		k.join("room")
		s.StoreDown()
		_, err := s.Handler().Publish(t.Context(), hotsock.Message{Channel: "room", Event: "chat"})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Publish: %v", err)
		}
		s.Published.ExpectNone("room")
		k.Send(`{"event":"hotsock.subscribe","channel":"other"}`)
		k.Expect(`{"event":"hotsock.error","error":{"code":"UNAVAILABLE"}}`)
		s.StoreUp()
		k.Expect(`{"event":"hotsock.subscribed","channel":"other"}`)
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
		k.Expect(`{"event":"chat"}`)
	})
}

func TestNodeCutOffFromStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{Nodes: 2})
		ann, bob := s.Dial(t, Everything("ann")), s.Dial(t, Everything("bob"))
		ann.join("room")
		bob.join("room")
		for _, fault := range []func(*Link){(*Link).Freeze, (*Link).Stall, (*Link).Down} {
			fault(s.Nodes[1].Store)
			publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
			ann.Expect(`{"event":"chat"}`)
			s.Advance(2 * time.Second)
			bob.ExpectNone()
			s.Nodes[1].Store.Heal()
			bob.Expect(`{"event":"chat"}`)
		}
		// Longer than it is thought to be alive.
		s.Nodes[1].Store.Down()
		s.Advance(10 * time.Second)
		s.Events.Expect(hotsock.EventUnsubscribed, "room")
		s.Nodes[1].Store.Heal()
		s.Advance(10 * time.Second)
		info, err := s.Handler().ChannelInfo(t.Context(), "room")
		if err != nil || info.SubscriptionsCount != 2 {
			t.Errorf("room: %+v, %v", info, err)
		}
	})
}

// What a store in memory tells while it is away comes later, in order.
func TestHeldDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{})
		k := s.Dial(t, Everything("ann"))
		k.join("room")
		for i := range 3 {
			publish(t, s, hotsock.Message{Channel: "room", Event: "chat", Data: i, At: time.Now().Add(time.Second)})
			time.Sleep(time.Millisecond)
		}
		s.StoreDown()
		s.Advance(time.Minute)
		k.ExpectNone()
		s.StoreUp()
		for _, want := range []string{"0", "1", "2"} {
			k.Expect(`{"event":"chat","data":` + want + `}`)
		}
	})
}

func TestSlowClient(t *testing.T) {
	everywhere(t, Options{Handler: hotsock.Options{MaxQueueSize: 64 << 10}}, func(t *testing.T, s *Server) {
		k := s.Dial(t, Everything("ann"))
		k.join("room")
		k.Link.Stall()
		for range 10 { // more than fits into the connection and the queue
			publish(t, s, hotsock.Message{Channel: "room", Event: "chat", Data: strings.Repeat("x", 30<<10)})
		}
		k.Link.Heal()
		for {
			frame, err := k.read()
			if err == nil {
				continue
			}
			if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
				t.Errorf("after %d bytes: %v", len(frame), err)
			}
			break
		}
		s.Events.Expect(hotsock.EventDisconnected, "")
	})
}

// A client that is cut off without a word is missed after its heartbeat
// timeout.
func TestFrozenClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{})
		claims := Everything("ann")
		claims.HeartbeatTimeout = 30 * time.Second
		ann, bob := s.Dial(t, claims), s.Dial(t, Everything("bob"))
		ann.join("presence.room")
		bob.join("presence.room")
		ann.Link.Freeze()
		ann.Send(`{"event":"hotsock.heartbeat"}`) // does not arrive
		s.Advance(29 * time.Second)
		bob.ExpectNone()
		s.Advance(3 * time.Second)
		bob.Expect(`{"event":"hotsock.memberRemoved"}`)
	})
}

func TestHTTPClientFindsNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{Nodes: 2})
		for _, url := range []string{s.URL, s.Nodes[0].URL, s.Nodes[1].URL} {
			res, err := s.HTTPClient().Get(url + "/rt")
			if err != nil {
				t.Errorf("%s: %v", url, err)
				continue
			}
			_ = res.Body.Close()
		}
		if _, err := s.HTTPClient().Get("http://example.com"); err == nil || !strings.Contains(err.Error(), "there is no example.com:80 here") {
			t.Errorf("example.com: %v", err)
		}
		s.Nodes[0].Kill()
		s.Nodes[1].Kill()
		if _, err := s.HTTPClient().Do(&http.Request{URL: mustURL(t, s.URL)}); err == nil {
			t.Error("killed nodes answer")
		}
	})
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
