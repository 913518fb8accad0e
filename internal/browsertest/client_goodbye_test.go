package browsertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer ws.CloseNow()
	l.mu.Lock()
	l.came++
	first := l.came == 1
	l.mu.Unlock()
	if !send(r.Context(), ws, greeting) {
		return
	}
	for read := 0; ; {
		_, text, err := ws.Read(r.Context())
		if err != nil {
			return
		}
		var frame struct {
			Event, Ref string
			Data       json.RawMessage
		}
		if err := json.Unmarshal(text, &frame); err != nil {
			l.t.Errorf("%s: %v", text, err)
			return
		}
		answer := `{"event":"hotsock.ack","channel":"room","data":{"id":"01JA3HVNF6E89HDT1ABRFWJ8C8"},"ref":"$ref"}`
		switch {
		case frame.Event == "hotsock.subscribe":
			answer = `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null},"ref":"$ref"}`
		case frame.Event == "hotsock.ping":
			answer = `{"event":"hotsock.pong","ref":"$ref"}`
		case first:
			if read++; read == l.leave {
				_ = ws.Close(websocket.StatusGoingAway, l.reason)
				return
			}
			continue
		default:
			l.mu.Lock()
			l.events = append(l.events, fmt.Sprint(frame.Event, string(frame.Data)))
			l.mu.Unlock()
		}
		if !send(r.Context(), ws, strings.ReplaceAll(answer, "$ref", frame.Ref)) {
			return
		}
	}
}

// TestClientGoodbye: what a server has not answered that says it has answered all is
// sent again, on a channel once it is subscribed and in order, and of what another one has not answered the outcome is unknown.
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
