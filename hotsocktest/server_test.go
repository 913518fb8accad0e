package hotsocktest

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// everywhere runs a test with both stores and both clocks.
func everywhere(t *testing.T, o Options, f func(t *testing.T, s *Server)) {
	t.Helper()
	onRedis := o
	onRedis.Redis = true
	t.Run("memory in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, Start(t, o)) })
	})
	t.Run("Redis in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, Start(t, onRedis)) })
	})
	t.Run("real time", func(t *testing.T) {
		t.Parallel()
		f(t, Start(t, o))
	})
}

func TestRedisInRealTime(t *testing.T) {
	t.Parallel()
	testPublish(t, Start(t, Options{Redis: true}))
}

func TestPublish(t *testing.T) { everywhere(t, Options{}, testPublish) }

func testPublish(t *testing.T, s *Server) {
	t.Helper()
	k := s.Dial(t, Everything("ann"))
	k.Send(`{"event":"hotsock.subscribe","channel":"room"}`)
	k.Expect(`{"event":"hotsock.subscribed","channel":"room"}`)
	if _, err := s.Handler().Publish(t.Context(), hotsock.Message{Channel: "room", Event: "chat", Data: "hello"}); err != nil {
		t.Fatal(err)
	}
	k.Expect(`{"event":"chat","channel":"room","data":"hello"}`)
	k.ExpectNone()
	s.Published.Expect("room", "chat", "hello")
	s.Published.ExpectNone("room")
	s.Events.Expect(hotsock.EventConnected, "")
	s.Events.Expect(hotsock.EventSubscribed, "room")
}

func TestAdvance(t *testing.T) {
	for _, tt := range []struct {
		redis bool
		wait  time.Duration
	}{{false, 30 * time.Minute}, {true, 10 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			s := Start(t, Options{Redis: tt.redis, Handler: hotsock.Options{IdleTimeout: 2 * tt.wait}})
			begun := time.Now()
			k := s.Dial(t, Everything("ann"))
			k.Send(`{"event":"hotsock.subscribe","channel":"room"}`)
			k.Expect(`{"event":"hotsock.subscribed","channel":"room"}`)
			publish(t, s, hotsock.Message{Channel: "room", Event: "reminder", At: begun.Add(tt.wait)})
			s.Advance(tt.wait - time.Second)
			k.ExpectNone()
			s.Advance(time.Second)
			k.Expect(`{"event":"reminder"}`)
			if d := time.Since(begun); d < tt.wait || d > tt.wait+time.Second {
				t.Errorf("it took %v", d)
			}
			s.Advance(2*tt.wait + time.Second)
			k.ExpectClose(websocket.StatusGoingAway)
		})
	}
}

func publish(t *testing.T, s *Server, m hotsock.Message) {
	t.Helper()
	if _, err := s.Handler().Publish(t.Context(), m); err != nil {
		t.Fatalf("Publish: %v", err)
	}
}

// The app under test makes its own handler, serves more than that, and has its
// own keys, events and place for the handler.
func TestApp(t *testing.T) {
	key := newKey()
	var told []string
	o := Options{
		Path: "/realtime", Key: key, Handler: hotsock.Options{
			Events: hotsock.EventSinkFunc(func(_ context.Context, e hotsock.Event) error {
				told = append(told, e.Type)
				return nil
			}),
		},
		App: func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
			o.Authenticate = func(r *http.Request) (*hotsock.Claims, error) {
				c := Everything(r.Header.Get("User"))
				return &c, nil
			}
			rt, err := hotsock.New(o)
			mux := http.NewServeMux()
			mux.Handle("/realtime", rt)
			mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
				_, _ = rt.Publish(r.Context(), hotsock.Message{Channel: "greetings", Event: "hello"})
				w.WriteHeader(http.StatusNoContent)
			})
			return rt, mux, err
		},
	}
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, o)
		if s.Key.Key().Algorithm != hotsock.HS256 || string(s.Key.Secret) != string(key.Secret) {
			t.Error("the key is another one")
		}
		k := s.DialWith(t, "", http.Header{"User": {"ann"}})
		k.Send(`{"event":"hotsock.subscribe","channel":"greetings"}`)
		k.Expect(`{"event":"hotsock.subscribed","meta":{"uid":"ann"}}`)
		res, err := s.HTTPClient().Get(s.URL + "/hello")
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatalf("Get: %v, %v", res, err)
		}
		_ = res.Body.Close()
		k.Expect(`{"event":"hello"}`)
		s.Published.Expect("greetings", "hello", nil)
		s.Advance(0)
		if len(told) != 4 || told[0] != "hotsock.connected" {
			t.Errorf("the app was told of %v", told)
		}
	})
}

// Each of the app's sinks is as independent of the others as without the kit.
func TestSinksOfApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told, added atomic.Int32
		count := func(n *atomic.Int32) hotsock.EventSink {
			return hotsock.EventSinkFunc(func(context.Context, hotsock.Event) error {
				n.Add(1)
				return nil
			})
		}
		s := Start(t, Options{
			Handler: hotsock.Options{Events: hotsock.EventSinks(
				hotsock.EventSinkFunc(func(ctx context.Context, _ hotsock.Event) error {
					<-ctx.Done() // for ever: it is of no use to the others
					return ctx.Err()
				}),
				hotsock.EventSinkFunc(func(context.Context, hotsock.Event) error { panic("a bad one") }),
				count(&told),
			)},
			App: func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
				o.Events = hotsock.EventSinks(o.Events, count(&added))
				rt, err := hotsock.New(o)
				return rt, rt, err
			},
		})
		s.Connect(t, Everything("ann")).Subscribe("room")
		s.Events.Expect(hotsock.EventConnected, "")
		s.Events.Expect(hotsock.EventChannelUpdated, "room")
		s.Advance(0)
		if told.Load() != 4 || added.Load() != 4 {
			t.Errorf("the app's sinks were told of %d and %d events, want 4", told.Load(), added.Load())
		}
		s.Nodes[0].Kill()
		s.Advance(time.Second)
		if told.Load() != 4 {
			t.Errorf("a crashed node told of %d events", told.Load()-4)
		}
	})
}

// An app that replaces the kit's sink is told how to add its own.
func TestReplacedSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{App: func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
			o.Events = nil
			rt, err := hotsock.New(o)
			return rt, rt, err
		}})
		s.Dial(t, Everything("ann"))
		mustFail(t, s, func(testing.TB) { s.Events.Expect(hotsock.EventConnected, "") }, "hotsock.EventSinks(o.Events, own)")
	})
}

// Outside of bubbles, programs that know nothing of the kit reach the nodes.
func TestReachableFromOutside(t *testing.T) {
	s := Start(t, Options{})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	wstest.Connect(t, s.URL+"/rt?token="+s.Token(Everything("ann")), wstest.Options{HTTPClient: &http.Client{Transport: transport}})
}

// What the kit checks must be able to fail, and say why. In a bubble, what comes comes
// before any time has passed.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{})
		k := s.Dial(t, Everything("ann"))
		k.Send(`{"event":"hotsock.subscribe","channel":"room"}`)
		k.Expect(`{"event":"hotsock.subscribed"}`)
		with := func(check func(k *Socket)) func(testing.TB) {
			return func(t testing.TB) {
				failing := *k
				failing.t = t
				check(&failing)
			}
		}
		mustFail(t, s, func(testing.TB) { s.Token(hotsock.Claims{UID: strings.Repeat("x", 200)}) }, "uid")
		mustFail(t, s, func(testing.TB) { s.Nodes[0].Start() }, "is running")
		mustFail(t, s, func(testing.TB) { s.Published.Expect("room", "chat", "hello") }, "nothing was published on room")
		mustFail(t, s, func(testing.TB) { s.Events.Expect(hotsock.EventMemberAdded, "room") },
			"no event hotsock.memberAdded room", "hotsock.subscribed room")
		s.Events.Expect(hotsock.EventSubscribed, "room")
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat", Data: map[string]any{"text": "hello", "n": 1}})
		mustFail(t, s, func(testing.TB) { s.Published.ExpectNone("room") }, `chat {"n":1,"text":"hello"}`)
		mustFail(t, s, func(testing.TB) { s.Published.Expect("room", "chat", map[string]any{"text": "bye", "n": 1}) },
			`- "text": string("bye")`, `+ "text": string("hello")`)
		mustFail(t, s, with(func(k *Socket) { k.ExpectNone() }), `"event":"chat"`)
		k.Expect(`{"event":"hotsock.pong"}`)
		mustFail(t, s, func(testing.TB) { s.Events.ExpectNone(hotsock.EventConnected, "") }, hotsock.EventConnected)
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
		mustFail(t, s, with(func(k *Socket) { k.Expect(`{"event":"shout"}`) }), `- "event": string("shout")`)
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
		mustFail(t, s, with(func(k *Socket) { k.ExpectClose(websocket.StatusGoingAway) }), "want the connection closed")
		mustFail(t, s, with(func(k *Socket) { k.Read() }), "no frame")
	})
}

// Outside of a bubble, time cannot be moved.
func TestAdvanceOutside(t *testing.T) {
	s := Start(t, Options{})
	mustFail(t, s, func(testing.TB) { s.Advance(time.Second) }, "synctest.Test")
}
