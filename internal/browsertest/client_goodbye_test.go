package browsertest

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A leaver plays a server whose first connection reads some messages, and closes with
// 1001 and the reason instead of answering. Later ones answer everything.
type leaver struct {
	t      *testing.T
	reason string
	leave  int // the number of messages

	mu     sync.Mutex
	came   int
	events []string // what later connections are sent
}

func (l *leaver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.came++
	first := l.came == 1
	l.mu.Unlock()
	read := 0
	play(l.t, w, r, greeting, func(ws *websocket.Conn, f heardFrame) ([]string, bool) {
		switch {
		case f.Event == "hotsock.subscribe":
			return []string{`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null},"ref":"$ref"}`}, true
		case f.Event == "hotsock.ping":
			return []string{`{"event":"hotsock.pong","ref":"$ref"}`}, true
		case first:
			if read++; read < l.leave {
				return nil, true
			}
			_ = ws.Close(websocket.StatusGoingAway, l.reason)
			return nil, false
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events = append(l.events, fmt.Sprint(f.Event, string(f.Data)))
		return []string{`{"event":"hotsock.ack","channel":"room","data":{"id":"01JA3HVNF6E89HDT1ABRFWJ8C8"},"ref":"$ref"}`}, true
	})
}

// TestClientGoodbye: what a server has not answered that says it has answered all is
// sent again, on a channel once it is subscribed and in order, and of what another one
// has not answered the outcome is unknown.
func TestClientGoodbye(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for _, test := range []struct {
		reason, outcome string
		again           []string
	}{
		{"Going away, all answered", "done", []string{`hotsock.umdUpdate{"token":"t"}`, `chat0`, `chat1`, `chat2`}},
		{"Going away", "NO_ANSWER", nil},
		{"", "NO_ANSWER", nil},
	} {
		l := &leaver{t: t, reason: test.reason, leave: 4}
		s := &site{t: t}
		s.serve(clientOr(l))
		p := b.open("Jim", s.url)
		p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
		got := run[[]string](p, `
			const client = new hotsock.Client();
			const room = client.channel("room");
			client.connect();
			await room.subscribe();
			const commands = [room.publish("chat", 0), room.publish("chat", 1), client.umdUpdate("t"), room.publish("chat", 2)];
			const outcomes = await Promise.all(commands.map((c) => c.then(() => "done", ({ code }) => code)));
			client.close();
			return outcomes;
		`)
		if want := slices.Repeat([]string{test.outcome}, 4); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", test.reason, got, want)
		}
		l.mu.Lock()
		if !slices.Equal(l.events, test.again) {
			t.Errorf("%q: sent again: %q, want %q", test.reason, l.events, test.again)
		}
		l.mu.Unlock()
	}
}
