package hotsock

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// A panic in a command is answered, and the connection lives on.
func TestPanicInACommand(t *testing.T) {
	const panics = "hotsock.panic"
	commands[panics] = func(*connection, *wire.Command) error { panic("in a command") }
	defer delete(commands, panics)
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("Jim")
		c.Do(`{"event":"`+panics+`"}`, "INTERNAL")
		c.Subscribe("room")
	})
}

// Who connects while the handler begins to stop is closed like all the others.
func TestShutdownDuringAnUpgrade(t *testing.T) {
	var h *Handler
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) {
		h.conns.refuse()
		return &Claims{}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	wstest.Dial(t, s.URL, wstest.Options{}).ExpectClose(websocket.StatusGoingAway, "")
	if s := h.Stats(); s.Connected != 0 || s.Connections != 0 {
		t.Errorf("it is counted: %+v", s)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

// A client that only receives is not idle, on a network connection that is written
// past as on any other.
func TestReceivingIsNotIdle(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes six seconds")
	}
	t.Parallel()
	h, err := New(Options{
		IdleTimeout: 2 * time.Second,
		Authenticate: func(*http.Request) (*Claims, error) {
			return &Claims{Channels: map[string]ChannelClaims{"room": {AutoSubscribe: Allow}}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	defer h.Close()
	c := wstest.Connect(t, s.URL, wstest.Options{})
	c.Expect("hotsock.subscribed")
	for range 10 {
		await.Pass(400*time.Millisecond, "a fifth of the timeout")
		if _, err := h.Publish(t.Context(), Message{Channel: "room", Event: "e"}); err != nil {
			t.Fatal(err)
		}
		c.Expect("e")
	}
	c.ExpectClose(websocket.StatusGoingAway, "")
}

// What has arrived, and waits behind a command that takes long, counts for the
// heartbeat; who really is silent is closed.
func TestHeartbeatBehindACommand(t *testing.T) {
	slow := make(chan struct{})
	o := Options{
		StoreTimeout: time.Minute,
		KeyLookup: func(context.Context, string, string) ([]Key, error) {
			<-slow
			return nil, nil
		},
		Authenticate: func(*http.Request) (*Claims, error) {
			return &Claims{UID: "Jim", HeartbeatTimeout: 5 * time.Second}, nil
		},
	}
	token := tokenSign(t, Claims{Scope: ScopeSubscribe, UID: "Jim"}, tokenHS256)
	inRig(t, o, func(t *testing.T, r *rig) {
		slow = make(chan struct{}) // of the bubble
		c := r.connect("Jim")
		c.Send(`{"event":"hotsock.subscribe","channel":"room","data":{"token":"` + token + `"}}`)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_ = c.TrySend(`{"event":"hotsock.heartbeat"}`)
		}()
		time.Sleep(8 * time.Second)
		close(slow)
		<-sent
		c.Expect("INVALID_SUBSCRIBE_TOKEN")
		start := time.Now()
		c.ExpectClose(websocket.StatusGoingAway, "")
		if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}
