package hotsock

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// Whatever may happen to the same thing at the same moment happens so, two by
// two. Nothing but the lock in question orders the two, and so the race detector
// tells when it is gone; where many things happen, other locks hide that.
func TestTwoAtOnce(t *testing.T) {
	again := &subscribeRequest{name: "c", channel: "c", catchUp: true, charged: true}
	end := func(c *connection) { c.end(io.EOF) }
	locked := func(f func(c *connection)) func(c *connection) {
		return func(c *connection) {
			c.ops.Lock()
			defer c.ops.Unlock()
			f(c)
		}
	}
	token := tokenSign(t, raceClaims("ann"), tokenHS256)
	item := &store.Item{ID: ulid.ULID{0x7f}, Channel: "c", Storage: &store.Entry{Channel: "c", Key: "k", Value: []byte("1")}}
	deliver := func(c *connection) { c.h.hub.deliver(item) }
	for _, tt := range []struct {
		what string
		a, b func(c *connection)
	}{
		{"a client catches up, its connection ends", locked(func(c *connection) {
			if s := c.subscription("c"); s != nil {
				_ = c.catchUp(s, again, "")
			}
		}), end},
		{"a subscribe is to be retried, its connection ends", func(c *connection) { c.retrySubscribe(subscribeRetry{req: *again}) }, end},
		{"the subscribes to be retried are counted, its connection ends", func(c *connection) { c.retryBytes(again) }, end},
		{"a client subscribes, its connection ends", func(c *connection) { _, _ = c.newSubscription(again) }, end},
		{
			"a client unsubscribes, its connection ends",
			locked(func(c *connection) { _ = c.unsubscribe(&wire.Command{Channel: "another"}) }), end,
		},
		{"a client goes, the app disconnects it", func(c *connection) {
			c.h.conns.running.Add(1)
			c.sock.Cut()
			c.finish(io.EOF)
		}, func(c *connection) { c.close(reasonHost) }},
		{"connections are listed, one ends", func(c *connection) { c.h.peers.connections(&peerRequest{Limit: 1}) }, end},
		{"channels are listed, a subscriber goes", func(c *connection) { c.h.peers.channels(&peerRequest{Limit: 1}) }, end},
		{"deadlines are set, the first comes", func(c *connection) {
			c.h.opts.KeepAliveInterval = time.Nanosecond
			c.startTimer()
		}, func(*connection) {}},
		{"metadata of a connection changes, is read", func(c *connection) {
			if err := c.updateUMD("", token); err != nil {
				t.Error(err)
			}
		}, func(c *connection) { c.meta() }},
		{
			"metadata of a subscription changes, is read",
			func(c *connection) { _ = c.updateSubscriptionUMD(c.subscription("c"), []byte("1")) },
			func(c *connection) { c.subscription("c").meta() },
		},
		{
			"a channel has more than any client may be sent, another client catches up",
			func(c *connection) { c.subscription("c").topic.exceed(ulid.Make()) },
			func(c *connection) { c.subscription("c").topic.exceeded(ulid.Make()) },
		},
		{
			"a client catches up, an entry is delivered",
			locked(func(c *connection) { _ = c.catchUp(c.subscription("c"), again, "") }), deliver,
		},
		{"items are lost and the client is told, an entry is delivered", locked(func(c *connection) {
			c.h.hub.startGap("c")
			_ = c.tryResync(c.subscription("c"), true)
		}), func(c *connection) {
			for range 100 {
				c.h.hub.startGap("c")
			}
			deliver(c)
		}},
		{"an entry is read, is delivered", func(c *connection) {
			var delivery sync.WaitGroup
			defer delivery.Wait()
			_ = c.subscription("c").readObserved("k", func() (*store.Entry, error) {
				delivery.Go(func() { deliver(c) })
				return nil, nil
			}, func(*store.Entry) socket.Frame { return keepAliveFrame })
		}, func(*connection) {}},
		{
			"a client connects, the handler shuts down",
			func(c *connection) {
				if c.h.upgrader.start(c) {
					c.run("")
				}
			},
			func(c *connection) { _ = c.h.Close() },
		},
	} {
		t.Run(tt.what, func(t *testing.T) {
			for range 10 {
				c := newUnread(t)
				atOnce(func() { tt.a(c) }, func() { tt.b(c) })
			}
		})
	}
}

// The same, of what is no connection's.
func TestTwoAtOnceElsewhere(t *testing.T) {
	fullSink := func() *emitter {
		e := newEmitter(EventSinkFunc(func(context.Context, Event) error { return nil }), slog.New(slog.DiscardHandler))
		e.sinks[0].size = maxEventBytes
		return e
	}
	emit := func(e *emitter) {
		e.emit(EventMessagePublished, "", EventMetadata{}, EventMessageData{Data: []byte("1")})
	}
	newTimeout := func() *lazyTimeout { return newLazyTimeout(context.Background(), time.Hour) }
	for what, two := range map[string]func() (a, b func()){
		"an event is lost, the lost are counted": func() (a, b func()) {
			e := fullSink()
			t.Cleanup(func() { e.stop(t.Context()) })
			return func() { emit(e) }, func() { e.droppedSoFar() }
		},
		"an event is raised, the sinks are stopped": func() (a, b func()) {
			e := fullSink()
			return func() { emit(e) }, func() { e.stop(context.Background()) }
		},
		"two lines are logged": func() (a, b func()) {
			l := &logLines{byMessage: make(map[string]*lineCount)}
			log := func() { l.pass("", time.Now()) }
			return log, log
		},
		"a resync begins, the handler stops": func() (a, b func()) {
			r := newResyncer(new(connectionSet), newHub(nil))
			return func() { r.start("c") }, func() {
				r.stop()
				r.wait()
			}
		},
		"two catch up": func() (a, b func()) {
			r := newCatchUpReader()
			catchUp := func() { r.appendFrames(nil, []*store.Message{{Channel: "c"}}) }
			return catchUp, catchUp
		},
		"two wait for a timeout":                func() (a, b func()) { d := newTimeout(); return func() { d.Done() }, func() { d.Done() } },
		"a timeout is waited for, is asked":     func() (a, b func()) { d := newTimeout(); return func() { d.Done() }, func() { _ = d.Err() } },
		"a timeout is waited for, has children": func() (a, b func()) { d := newTimeout(); return func() { d.Done() }, func() { d.Value("") } },
		"a timeout is waited for, ends":         func() (a, b func()) { d := newTimeout(); return func() { d.Done() }, d.end },
		"a timeout is asked, ends":              func() (a, b func()) { d := newTimeout(); return func() { _ = d.Err() }, d.end },
	} {
		t.Run(what, func(*testing.T) {
			for range 10 {
				atOnce(two())
			}
		})
	}
}

// atOnce returns when both have returned.
func atOnce(a, b func()) {
	var both sync.WaitGroup
	both.Go(a)
	both.Go(b)
	both.Wait()
}

// newUnread returns a connection whose goroutine was not started, so that
// nothing happens to it by itself. It is subscribed to c, and
// has another subscribe to retry. Its handler is its own.
func newUnread(t *testing.T) *connection {
	h, _, _ := newRaced(t)
	made := make(chan *connection)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := h.upgrader.prepare(r, func() error { return nil })
		if err == nil {
			c.sock, err = socket.Accept(w, r, socket.Options{
				ReadLimit: 1, QueueLimit: h.opts.MaxQueueSize, WriteTimeout: time.Second, TooSlow: c.tooSlow, Flusher: &h.flusher,
			})
		}
		if err != nil {
			t.Error(err)
			return
		}
		made <- c
	}))
	t.Cleanup(server.Close)
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, client) })
	t.Cleanup(func() {
		_ = client.Close()
		reading.Wait()
	})
	upgrade := upgrading(t, "")
	upgrade.URL.RawQuery = "uid=ann"
	if err := upgrade.Write(client); err != nil {
		t.Fatal(err)
	}
	c := <-made
	c.limiter = h.limiters.open(c.uid())
	if err := c.trySubscribe(&subscribeRequest{name: "c", channel: "c", charged: true}, &wire.Command{}); err != nil {
		t.Fatal(err)
	}
	c.retries = map[string]subscribeRetry{"retried": {req: subscribeRequest{name: "retried", channel: "retried"}}}
	t.Cleanup(func() {
		if c.sock.Cut(); !c.hasEnded() {
			c.end(errors.New("the test is over"))
		}
	})
	return c
}
