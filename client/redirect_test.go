package client

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"
)

// TestRedirects: a handshake goes where its server sends it, and not to other servers,
// which would get the token.
func TestRedirects(t *testing.T) {
	elsewhere := 0
	for _, tt := range []struct {
		why, to string
		want    string // of the error; "" if it arrives
	}{
		{"another path, as of a mux", "/rt/", ""},
		{"another port, with TLS or without", "http://pipe:8080/rt/", ""},
		{"another server", "http://evil/rt/", "another one, evil,"},
		{"a server below", "http://evil.pipe/rt/", "another one, evil.pipe"},
		{"another scheme for the same", "ws://pipe/rt/", ""},
		{"no scheme for WebSockets", "ftp://pipe/rt/", "from https to http"},
		{"itself, for ever", "/rt", "more than 10 times"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			attempts := 0
			server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				attempts++
				if strings.Contains(r.Host, "evil") {
					elsewhere++
				}
				if r.URL.Path == "/rt" && attempts <= 2*mostRedirects {
					http.Redirect(w, r, tt.to, http.StatusTemporaryRedirect)
					return
				}
				w.WriteHeader(http.StatusTeapot)
			})
			var st states
			o := Options{OnState: st.add, Token: func(context.Context) (string, error) { return "token", nil }}
			inBubble(t, server, o, func(t *testing.T, _ *Client) {
				synctest.Wait() // Nothing happens now before the next attempt.
				err := st.waits()[0].Err
				if attempts > mostRedirects {
					t.Errorf("%d requests for one attempt", attempts)
				}
				want := tt.want
				if want == "" {
					want = "418" // of where it should arrive
				}
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "/rt") {
					t.Errorf("got %v, want %q", err, want)
				}
			})
		})
	}
	if elsewhere != 0 {
		t.Errorf("%d tokens went elsewhere", elsewhere)
	}
}

// What is posted for a connection has its secret, and tokens.
func TestPostsStayHere(t *testing.T) {
	ws := script(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = hear(ctx, ws, func(f string) { say(ctx, ws, pong(f)) })
	})
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.Host, "evil"):
			t.Errorf("another server got %v", r.Header)
		case isUpgrade(r):
			ws(w, r)
		default:
			http.Redirect(w, r, "http://evil/", http.StatusTemporaryRedirect)
		}
	})
	inBubble(t, server, Options{}, func(t *testing.T, c *Client) {
		if _, err := c.ChannelInfo(t.Context(), "room"); err == nil || !strings.Contains(err.Error(), "another one, evil,") {
			t.Errorf("got %v", err)
		}
	})
}
