package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// feedScript is a server without WebSockets, whose feeds say hello and what say does.
// send answers the requests of the client.
func feedScript(say func(w io.Writer, flush func()), send http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isUpgrade(r):
			w.WriteHeader(http.StatusForbidden)
		case isFeed(r):
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			flush := func() { _ = http.NewResponseController(w).Flush() }
			fmt.Fprintf(w, "retry: 1\r\ndata: %s\r\n\r\n", hello)
			flush()
			say(w, flush)
			<-r.Context().Done()
		default:
			send(w, r)
		}
	}
}

// take answers that the server has the frames.
func take(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, "{}")
}

// What a server may send is bounded, and what is no event of the protocol ends the feed
// or is passed over.
func TestHostileFeeds(t *testing.T) {
	const limit = 50_000
	endless := func(prefix string) string { return prefix + strings.Repeat("x", 2*limit) }
	frame := func(size int) string {
		const head, tail = `{"event":"e","data":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	for _, tt := range []struct{ name, text, want string }{
		{"the longest frame, comments, unknown fields and events", "data: " + frame(limit) + "\n\n: ping\nfoo: 1\nevent: later\ndata: 1\n\nid: 7\n\n", ""},
		{"a frame in two lines", "data: {\"event\":\ndata: \"e\"}\n\n", ""},
		{"a frame that is a byte too long", "data: " + frame(limit+1) + "\n\n", "more than 50000 bytes"},
		{"a frame without an end", endless("data: "), "more than 50000 bytes"},
		{"a frame of many lines", strings.Repeat("data: x\n", limit), "more than 50000 bytes"},
		{"a line that is no field", endless(""), "more than 50000 bytes"},
		{"no JSON", "data: {\n\n", "not a frame"},
		{"a close", "event: close\ndata: {\"code\":1013,\"reason\":\"later\"}\n\n", `"later" (1013)`},
		{"a close that says nothing", "event: close\ndata: x\n\n", "disconnected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var st states
			server := feedScript(func(w io.Writer, flush func()) {
				_, _ = io.WriteString(w, tt.text)
				flush()
			}, take)
			inBubble(t, server, Options{OnState: st.add, MaxFrameSize: limit}, func(t *testing.T, _ *Client) {
				time.Sleep(10 * time.Second)
				waits := st.waits()
				if tt.want == "" && len(waits) != 1 {
					t.Errorf("got %v", waits)
				}
				if tt.want != "" && (len(waits) < 2 || !strings.Contains(waits[1].Err.Error(), tt.want)) {
					t.Errorf("got %v, want %q", waits, tt.want)
				}
			})
		})
	}
}

// A request whose answer is lost may have been carried out; one that was refused because
// there is enough to do was not, and is repeated.
func TestAnswersToPosts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(n int, w http.ResponseWriter, r *http.Request)
		posts  int
		want   string // in the error of the connection
	}{
		{"enough to do", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n <= 3 {
				w.WriteHeader(http.StatusTooManyRequests)
				fmt.Fprint(w, `{"error":{"code":"RATE_LIMITED","message":""}}`)
				return
			}
			take(w, nil)
		}, 4, ""},
		{"the page of a login", func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Who are you?") }, 1, "malformed"},
		{"no such connection", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"code":"UNAUTHORIZED","message":""}}`)
		}, 1, "UNAUTHORIZED"},
		{"too long", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			fmt.Fprint(w, `{"error":{"code":"PAYLOAD_TOO_LARGE","message":""}}`)
		}, 1, "(1009)"},
		{"a proxy that fails", func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, 1, "502"},
		{"silence", func(_ int, _ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, 1, errSilent.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var st states
			posts := 0
			server := feedScript(func(w io.Writer, flush func()) {
				for range 60 {
					time.Sleep(time.Second)
					fmt.Fprint(w, ": ping\n")
					flush()
				}
			}, func(w http.ResponseWriter, r *http.Request) {
				posts++
				tt.answer(posts, w, r)
			})
			inBubble(t, server, Options{OnState: st.add, MinDelay: time.Hour, MaxDelay: time.Hour}, func(t *testing.T, c *Client) {
				if err := c.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
				defer cancel()
				if _, err := c.Call(ctx, "m", 1); !errors.Is(err, ErrUnknownOutcome) {
					t.Errorf("got %v", err)
				}
				synctest.Wait()
				waits := st.waits()
				if tt.want == "" {
					if len(waits) != 1 || posts < tt.posts {
						t.Errorf("got %v after %d requests", waits, posts)
					}
					return
				}
				if posts != tt.posts || len(waits) != 2 || !strings.Contains(waits[1].Err.Error(), tt.want) {
					t.Errorf("got %v after %d requests, want %q", waits, posts, tt.want)
				}
			})
		})
	}
}

// A feed begins where its server sends the client, and no other server gets the token.
func TestFeedRedirects(t *testing.T) {
	for _, tt := range []struct {
		why, to string
		inURL   bool
		want    string // of the error; "" if it arrives
	}{
		{"another path", "/moved/stream", false, ""},
		{"another server", "http://evil/stream", false, "another one, evil,"},
		{"another server, with the token in the URL", "http://evil/stream", true, "another one, evil,"},
		{"itself, for ever", "/rt/stream", true, "more than 10 times"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			feeds := 0
			server := func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Host, "evil") {
					t.Errorf("another server got %v", r.Header)
				}
				if isFeed(r) {
					feeds++
				}
				if r.URL.Path == "/rt/stream" {
					http.Redirect(w, r, tt.to, http.StatusTemporaryRedirect)
					return
				}
				feedScript(func(io.Writer, func()) {}, take)(w, r)
			}
			var st states
			o := Options{OnState: st.add, MaxDelay: time.Second, TokenInURL: tt.inURL, Token: func(context.Context) (string, error) { return "hush", nil }}
			inBubble(t, http.HandlerFunc(server), o, func(t *testing.T, c *Client) {
				if tt.want == "" {
					if err := c.Connect(t.Context()); err != nil {
						t.Fatal(err)
					}
					return
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				waits := st.waits()
				if len(waits) < 2 || !strings.Contains(waits[1].Err.Error(), tt.want) || strings.Contains(fmt.Sprint(waits), "hush") {
					t.Errorf("got %v, want %q", waits, tt.want)
				}
				if most := len(waits) * mostRedirects; feeds > most {
					t.Errorf("asked for %d feeds", feeds)
				}
			})
		})
	}
}
