package hotsock

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// A handshake that is refused is answered as JSON like everything else, and spends
// no single-use token.
func TestRefusedHandshake(t *testing.T) {
	h, err := New(Options{Keys: []Key{tokenHS256.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s := httptest.NewServer(h)
	defer s.Close()
	token := tokenSign(t, Claims{SingleUse: true, ID: "1", Expires: time.Now().Add(time.Minute)}, tokenHS256)
	for _, row := range []struct {
		why    string
		change func(http.Header)
		status int
		header string
	}{
		{"no Connection header", func(h http.Header) { h.Del("Connection") }, http.StatusUpgradeRequired, "Upgrade"},
		{"another version", func(h http.Header) { h.Set("Sec-WebSocket-Version", "12") }, http.StatusBadRequest, "Sec-WebSocket-Version"},
		{"no key", func(h http.Header) { h.Del("Sec-WebSocket-Key") }, http.StatusBadRequest, ""},
		{"two keys", func(h http.Header) { h.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") }, http.StatusBadRequest, ""},
		{"a short key", func(h http.Header) { h.Set("Sec-WebSocket-Key", "YQ==") }, http.StatusBadRequest, ""},
	} {
		r := upgrading(t, token)
		r.Header.Set("Connection", "Upgrade")
		row.change(r.Header)
		w := httptest.NewRecorder()
		h.ServeHTTP(hijackable{w}, r)
		if w.Code != row.status || w.Header().Get("Content-Type") != "application/json" ||
			!strings.HasPrefix(w.Body.String(), `{"error":{"code":"INVALID_REQUEST","message":"`) ||
			row.header != "" && w.Header().Get(row.header) == "" {
			t.Errorf("%s: %d %v %s", row.why, w.Code, w.Header(), w.Body)
		}
	}
	w := httptest.NewRecorder()
	r := upgrading(t, token)
	r.Header.Set("Connection", "Upgrade")
	h.ServeHTTP(w, r) // cannot be taken over
	if w.Code != http.StatusInternalServerError {
		t.Errorf("what cannot be taken over is answered with %d", w.Code)
	}
	w = httptest.NewRecorder()
	r = upgrading(t, token)
	r.Method, r.ProtoMajor, r.ProtoMinor = http.MethodConnect, 2, 0 // RFC 8441, as net/http passes it on
	r.Header = http.Header{":protocol": {"websocket"}}
	h.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("extended CONNECT is answered with %d", w.Code)
	}
	url := s.URL + "/rt?token=" + token
	wstest.Dial(t, url, wstest.Options{}).Cut() // it is not spent
	if _, _, err := wstest.Try(t, url, wstest.Options{}); err == nil {
		t.Error("the token connected twice")
	}
}

// Frames of the WebSocket protocol itself count for the rate limit, too.
func TestControlFramesCount(t *testing.T) {
	limited := Options{ConnectionRateLimit: RateLimit{PerSecond: 1}}
	for _, row := range []struct {
		what  string
		frame []byte
	}{
		{"pings", []byte{0x89, 0x80, 0, 0, 0, 0}},
		{"pongs", []byte{0x8a, 0x80, 0, 0, 0, 0}},
		{"empty fragments", []byte{0x00, 0x80, 0, 0, 0, 0}},
	} {
		t.Run(row.what, func(t *testing.T) {
			inRig(t, limited, func(t *testing.T, r *rig) {
				c := wstest.Dial(t, r.url(""), r.dial())
				go func() {
					if row.frame[0] == 0 {
						_, _ = c.Under.Write([]byte{0x01, 0x80, 0, 0, 0, 0}) // of a message
					}
					for range 100 {
						if _, err := c.Under.Write(row.frame); err != nil {
							return
						}
					}
				}()
				err := c.Drain()
				if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || !strings.Contains(err.Error(), "Rate limit exceeded") {
					t.Errorf("closed with %v", err)
				}
				if n := r.h.Stats().Disconnected["flood"]; n != 1 {
					time.Sleep(time.Minute)
					if n = r.h.Stats().Disconnected["flood"]; n != 1 {
						t.Errorf("%d are counted as flood", n)
					}
				}
			})
		})
	}
}

// A subscriber in fake time: whoever receives something is not cut, whoever
// receives nothing is called slow, and told so if it goes on reading.
func TestWhoReceivesNothingIsSlow(t *testing.T) {
	const timeout = 10 * time.Second
	publish := func(t *testing.T, r *rig, n int) {
		t.Helper()
		for range n {
			if _, err := r.h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 20_000)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("slowly", func(t *testing.T) {
		inRig(t, Options{WriteTimeout: timeout}, func(t *testing.T, r *rig) {
			c := r.connect("Slow")
			c.Subscribe("room")
			publish(t, r, 50)
			for range 50 { // 400 s in all
				time.Sleep(timeout * 8 / 10)
				c.Expect("e")
			}
			c.ExpectNothing()
		})
	})
	t.Run("nothing", func(t *testing.T) {
		inRig(t, Options{WriteTimeout: timeout}, func(t *testing.T, r *rig) {
			c := r.connect("Slow")
			c.Subscribe("room")
			publish(t, r, 50)
			time.Sleep(timeout - time.Second)
			if n := r.h.Stats().Disconnected["slow"]; n != 0 {
				t.Error("it is slow too early")
			}
			time.Sleep(timeout)
			if s := nonzero(r.h.Stats()); s.Disconnected["slow"] != 1 || s.Connections != 0 || s.QueuedBytes != 0 {
				t.Errorf("after it received nothing: %+v", s)
			}
		})
	})
	t.Run("nothing, and then it goes on", func(t *testing.T) {
		inRig(t, Options{WriteTimeout: timeout}, func(t *testing.T, r *rig) {
			c := r.connect("Slow")
			c.Subscribe("room")
			synctest.Wait() // nobody writes, so that the time begins with what is published
			publish(t, r, 50)
			time.Sleep(timeout + 500*time.Millisecond) // half of what it has to go on in
			c.WantClose(c.Drain(), websocket.StatusTryAgainLater, "")
		})
	})
}

// What waits when a connection ends is still received, however slowly, and then
// the reason.
func TestCloseBehindABacklog(t *testing.T) {
	inRig(t, Options{WriteTimeout: 10 * time.Second, MaxConnectionDuration: time.Minute}, func(t *testing.T, r *rig) {
		c := r.connect("Slow")
		c.Subscribe("room")
		time.Sleep(53 * time.Second) // It may end a tenth earlier.
		for range 10 {
			if _, err := r.h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 20_000)}); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			time.Sleep(8 * time.Second)
			c.Expect("e")
		}
		c.ExpectClose(websocket.StatusGoingAway, "")
	})
}
