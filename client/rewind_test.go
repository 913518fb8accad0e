package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// wantData receives messages with these data, and nothing else.
func wantData(t *testing.T, s *Subscription, want ...int) {
	t.Helper()
	for _, n := range want {
		if m := next[Message](t, s); string(m.Data) != fmt.Sprint(n) {
			t.Fatalf("got %s, want %d", m.Data, n)
		}
	}
}

func wantRewound(t *testing.T, s *Subscription, messages int, more bool) {
	t.Helper()
	if n, m := s.Rewound(); n != messages || m != more {
		t.Errorf("rewound %d messages, more: %v; want %d and %v", n, m, messages, more)
	}
}

func TestRewind(t *testing.T) {
	s := newSite(t, nil)
	for n := range 5 {
		s.publish("room", "kept", n, time.Hour)
	}
	last := s.publish("room", "passing", -1, 0)
	for _, row := range []struct {
		why  string
		o    SubscribeOptions
		want []int
		more bool
	}{
		{"the newest", SubscribeOptions{Rewind: 2}, []int{3, 4}, true},
		{"all", SubscribeOptions{Rewind: 1000}, []int{0, 1, 2, 3, 4}, false},
		{"of some time", SubscribeOptions{RewindFor: time.Minute + 1}, []int{0, 1, 2, 3, 4}, false},
		{"nothing was missed", SubscribeOptions{Rewind: 2, After: last}, nil, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			sub := subscribe(t, s.client("Jim", nil), "room", &row.o)
			wantRewound(t, sub, len(row.want), row.more)
			wantData(t, sub, row.want...)
			s.publish("room", "live", 100, 0)
			wantData(t, sub, 100)
			last = sub.LastID()
		})
	}
	for _, o := range []SubscribeOptions{{Rewind: -1}, {RewindFor: -1}, {Rewind: 1, RewindFor: time.Second}, {Rewind: 1001}} {
		_, err := s.client("Jim", nil).Subscribe(soon(t), "room", &o)
		wantCode(t, err, CodeInvalidRequest)
	}
}

// After a break, what was missed follows as far as it can be told; otherwise the newest
// of it. Nothing comes twice.
func TestRewindAfterBreak(t *testing.T) {
	h := storememory.New()
	s := newSiteWith(t, hotsock.Options{Store: h, ReplayLimit: 2})
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	for n := range 3 {
		s.publish("room", "kept", n, hotsock.Forever)
	}
	sub := subscribe(t, c, "room", &SubscribeOptions{Rewind: 2})
	wantData(t, sub, 1, 2)
	missed := func(f func()) {
		t.Helper()
		before := c.ConnectionID()
		x.Refuse()
		f()
		x.Heal()
		awaitResubscribed(t, c, sub, before)
	}
	missed(func() { s.publish("room", "kept", 3, hotsock.Forever); s.publish("room", "passing", 4, 0) })
	wantData(t, sub, 3, 4)
	wantRewound(t, sub, 0, false)
	missed(func() {
		for n := range 5 {
			s.publish("room", "passing", -1, 0)
			s.publish("room", "kept", 5+n, hotsock.Forever)
		}
	})
	if g := next[Gap](t, sub); g.After == "" || g.Last <= g.After {
		t.Errorf("got %+v", g)
	}
	wantRewound(t, sub, 2, true)
	wantData(t, sub, 8, 9)
	s.publish("room", "live", 10, 0)
	wantData(t, sub, 10)
}

// A server that has lost track of a subscription is asked what was missed.
func TestRewindAfterResync(t *testing.T) {
	const idD = "01JA3S0BR1H7HD4CZ54KA99PAQ"
	asked := make(chan string, 3)
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		ctx := r.Context()
		say(ctx, ws, hello)
		for n := 0; ; {
			_, text, err := ws.Read(ctx)
			if err != nil {
				return
			}
			var cmd struct {
				Event, Ref string
				Data       json.RawMessage
			}
			_ = json.Unmarshal(text, &cmd)
			switch cmd.Event {
			case "hotsock.ping":
				say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.pong","data":{},"ref":%q}`, cmd.Ref))
			case "hotsock.subscribe":
				asked <- string(cmd.Data)
				const subscribed = `{"event":"hotsock.subscribed","channel":"room","data":{%s"rewound":{"messages":1},"lastId":%q},"meta":{},"ref":%q}`
				const message = `{"event":"e","id":%q,"channel":"room","data":%d}`
				if n++; n == 1 {
					say(ctx, ws, fmt.Sprintf(subscribed, "", idB, cmd.Ref), fmt.Sprintf(message, idA, 1),
						fmt.Sprintf(`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":%q},"meta":{}}`, idC),
						fmt.Sprintf(message, idD, -1)) // which is sent again
				} else {
					say(ctx, ws, fmt.Sprintf(subscribed, `"recovered":false,`, idC, cmd.Ref), fmt.Sprintf(message, idC, 2), fmt.Sprintf(message, idD, 3))
				}
			}
		}
	})
	inBubble(t, server, Options{}, func(t *testing.T, c *Client) {
		sub := subscribe(t, c, "room", &SubscribeOptions{Rewind: 5})
		wantData(t, sub, 1)
		if g := next[Gap](t, sub); g != (Gap{After: idA, Last: idC}) {
			t.Errorf("got %+v", g)
		}
		wantData(t, sub, 2, 3)
		if got := <-asked; got != `{"after":null,"rewind":5}` {
			t.Errorf("asked with %s", got)
		}
		if got := <-asked; got != `{"after":"`+idA+`","rewind":5}` {
			t.Errorf("asked with %s", got)
		}
	})
}
