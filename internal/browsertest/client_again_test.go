package browsertest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// A breaker plays a server that breaks the connection instead of answering a message, the
// first few times.
type breaker struct {
	t     *testing.T
	uids  []string // of the connections, as JSON; the last one's is that of all that follow
	times int

	mu    sync.Mutex
	came  int
	heard []string // the deduplication ids of messages
}

func (s *breaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	uid := s.uids[min(s.came, len(s.uids)-1)]
	s.came++
	s.mu.Unlock()
	hello := strings.Replace(greeting, `"uid":null`, `"uid":`+uid, 1)
	play(s.t, w, r, hello, func(_ *websocket.Conn, f heardFrame) ([]string, bool) {
		if f.Event != "chat" {
			return []string{`{"event":"hotsock.pong","ref":"$ref"}`}, true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = append(s.heard, f.DeduplicationID)
		return []string{`{"event":"hotsock.ack","channel":"room","data":{"id":"01JA3HVNF6E89HDT1ABRFWJ8C8","duplicate":true},"ref":"$ref"}`}, len(s.heard) > s.times
	})
}

// TestClientPublishesAgain: a message without an answer is sent again as long as the
// server can tell that it is the same.
func TestClientPublishesAgain(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for _, test := range []struct {
		why     string
		uids    []string
		times   int
		outcome string
		heard   int
	}{
		{"a user", []string{`"Jim"`}, 2, "01JA3HVNF6E89HDT1ABRFWJ8C8", 3},
		{"as if the message broke the connection", []string{`"Jim"`}, 9, "NO_ANSWER", 4},
		{"nobody", []string{"null"}, 1, "NO_ANSWER", 1},
		{"another user since", []string{`"Jim"`, `"Pam"`}, 1, "NO_ANSWER", 1},
	} {
		s := &breaker{t: t, uids: test.uids, times: test.times}
		page := &site{t: t}
		page.serve(clientOr(s))
		p := b.open("Jim", page.url)
		p.expectBrokenLinks()
		p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
		got := run[string](p, `
			Math.random = () => 0; // comes back at once
			const client = new hotsock.Client();
			client.connect();
			const outcome = await client.channel("room").publish("chat", 1).then(({ id }) => id, ({ code }) => code);
			client.close();
			return outcome;
		`)
		if got != test.outcome {
			t.Errorf("%s: got %s, want %s", test.why, got, test.outcome)
		}
		s.mu.Lock()
		if want := slices.Repeat(s.heard[:1], test.heard); len(want[0]) < 16 || !slices.Equal(s.heard, want) {
			t.Errorf("%s: the server heard %q, want %d times the same", test.why, s.heard, test.heard)
		}
		s.mu.Unlock()
	}
}
