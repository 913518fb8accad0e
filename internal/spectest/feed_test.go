package spectest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// feedOperations connects without a WebSocket, and is refused in all ways.
func feedOperations(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	good := token(t, hotsock.Claims{UID: "Jim", Channels: everything()})
	c := call{operation: "stream", status: http.StatusOK, query: map[string]string{"token": good}}
	ended := make(chan struct{})
	go func() { // An answer that does not end cannot be held to the document.
		defer close(ended)
		await.That(t, "the client to be there", func() bool { return s.Stats().Connections == 1 })
		_, _ = s.DisconnectUser(t.Context(), "Jim")
	}()
	s.do(t, d, c)
	<-ended
	with := c
	with.header = map[string]string{"Origin": "https://elsewhere.example.org"}
	s.do(t, d, with.not(http.StatusForbidden, "ORIGIN_DENIED"))
	with.header = map[string]string{"Authorization": "Bearer x"}
	with.query = nil
	s.do(t, d, with.not(http.StatusUnauthorized, "UNAUTHORIZED"))
	with = c
	with.header = map[string]string{"Sec-WebSocket-Protocol": "hotsock.token." + good}
	s.do(t, d, with.not(http.StatusBadRequest, "INVALID_REQUEST"))
	away := newSite(t, async, nil)
	if err := away.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	away.do(t, d, c.not(http.StatusServiceUnavailable, "UNAVAILABLE"))
	broken := newSite(t, async, func(o *hotsock.Options) {
		o.Authenticate = func(*http.Request) (*hotsock.Claims, error) { return &hotsock.Claims{UMD: []byte("{")}, nil }
	})
	broken.do(t, d, c.not(http.StatusInternalServerError, "INTERNAL"))

	connect := func(s *site) *socket {
		conn := wstest.Dial(t, s.base+"?token="+good, wstest.Options{Feed: true})
		k := &socket{conn, t, async}
		k.held(conn.Greet())
		return k
	}
	k := connect(s)
	for _, c := range []call{
		{operation: "send", status: http.StatusAccepted, body: `[{"event":"hotsock.ping"}]`},
		{operation: "close", status: http.StatusAccepted, body: `{"code":1001}`},
	} {
		c = c.by(k)
		refused := c
		refused.header = map[string]string{"Origin": "https://elsewhere.example.org"}
		s.do(t, d, refused.not(http.StatusForbidden, "ORIGIN_DENIED"))
		stranger := c
		stranger.query = map[string]string{"connectionId": k.ID, "connectionSecret": "wrong"}
		s.do(t, d, stranger.not(http.StatusUnauthorized, "UNAUTHORIZED"))
		s.do(t, d, c.with(c.body[:len(c.body)-1]).not(http.StatusBadRequest, "INVALID_JSON"))
		s.do(t, d, c.by(s.connect(t, "Pam")).not(http.StatusBadRequest, "INVALID_REQUEST"))
		large := c
		large.body = strings.Repeat(" ", maxBody+1) + c.body
		s.do(t, d, large.not(http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"))
		away.do(t, d, c.not(http.StatusServiceUnavailable, "UNAVAILABLE"))
		limited := newSite(t, async, slow)
		flooding := c.by(connect(limited))
		flooding.operation, flooding.body = "send", "[]"
		for range 10 {
			limited.do(t, d, flooding)
		}
		flooding.operation, flooding.body = c.operation, map[string]string{"send": "[]", "close": "{}"}[c.operation]
		limited.do(t, d, flooding.not(http.StatusTooManyRequests, "RATE_LIMITED"))
		s.do(t, d, c)
	}
	k.next("hotsock.pong")
	k.ExpectClose(1001, "")
}
