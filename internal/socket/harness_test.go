package socket

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both sides of an accepted WebSocket.
func pair(t *testing.T, o Options) (*Conn, *websocket.Conn) {
	t.Helper()
	return pairOffering(t, o, o.Compress)
}

// pairOffering is pair with a client that offers compression or does not.
func pairOffering(t *testing.T, o Options, compress bool) (*Conn, *websocket.Conn) {
	t.Helper()
	if o.ReadLimit == 0 {
		o.ReadLimit = 1 << 20
	}
	if o.QueueLimit == 0 {
		o.QueueLimit = 1 << 20
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 5 * time.Second
	}
	if o.TooSlow == nil {
		o.TooSlow = func() { t.Error("unexpected overflow") }
	}
	accepted := make(chan *Conn, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, o)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	t.Cleanup(s.Close)
	client := wstest.Dial(t, s.URL, wstest.Options{Compress: compress}).WS
	c := <-accepted
	t.Cleanup(func() { c.Cut(); c.Close(context.Background(), StatusNormal, "") })
	return c, client
}

// bothWays runs a test of a connection that has a Flusher and of one that has
// none.
func bothWays(t *testing.T, test func(t *testing.T, f *Flusher)) {
	t.Run("Alone", func(t *testing.T) { test(t, nil) })
	t.Run("Flusher", func(t *testing.T) {
		f := new(Flusher)
		t.Cleanup(f.Close)
		test(t, f)
	})
}

func textFrame(payload string) Frame {
	return Finish(append(Start(len(payload)), payload...))
}

func payloadOf(f Frame) string { return string(f.payload()) }

func readBuffer512() []byte { return make([]byte, 0, 512) }

// nextMessage reads past what is none.
func nextMessage(c *Conn) (b []byte, err error) {
	for b == nil && err == nil {
		b, err = c.Read(readBuffer512)
	}
	return b, err
}

// readOn reads until the connection ends.
func readOn(c *Conn) {
	for err := error(nil); err == nil; {
		_, err = c.Read(readBuffer512)
	}
}
