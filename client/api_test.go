package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// An api is a server whose connections answer pings, and whose HTTP API answers
// requests as it is told.
type api struct {
	t *testing.T
	// answer is given each request, and how many there were before.
	answer func(w http.ResponseWriter, r *http.Request, before int)
	// ended has the next ping end its connection.
	ended    bool
	requests int
	present  atomic.Pointer[websocket.Conn]
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("tenant") != "a b" {
		a.t.Errorf("the query of %s is %q", r.URL.Path, r.URL.RawQuery)
	}
	if r.Method == http.MethodGet {
		script(a.t, a.connection)(w, r)
		return
	}
	if q := r.URL.Query(); q.Get("connectionId") != "c" || q.Get("connectionSecret") != "s" {
		a.t.Errorf("the query is %q", r.URL.RawQuery)
	}
	_, _ = io.Copy(io.Discard, r.Body) // Only then the server notices that the client has gone.
	a.requests++
	a.answer(w, r, a.requests-1)
}

func (a *api) connection(ctx context.Context, ws *websocket.Conn) {
	a.present.Store(ws)
	_ = hear(ctx, ws, func(frame string) {
		if a.ended {
			a.ended = false
			_ = ws.CloseNow()
			return
		}
		say(ctx, ws, pong(frame))
	})
}

const unauthorized = `{"error":{"code":"UNAUTHORIZED","message":"no"}}`

// always answers every request alike.
func always(status int, body string) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// first answers the first request so, and others with an empty object.
func first(answer func(http.ResponseWriter, *http.Request, int)) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, r *http.Request, before int) {
		if before > 0 {
			always(http.StatusOK, "{}")(w, r, before)
			return
		}
		answer(w, r, before)
	}
}

func cutShort(w http.ResponseWriter, _ *http.Request, _ int) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "{")
}

func hang(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }

// What the HTTP API answers, or does not answer, becomes the right error: of
// what changes something, the outcome may be unknown; what reads is repeated if
// the connection that it was made for has ended.
func TestHTTPErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request, int)
		ended  bool   // the connection has, unnoticed
		reads  string // what the error of reads says, "" for none
		read   int    // how many requests that takes
		writes string
		write  int
	}{
		{"refused", always(403, `{"error":{"code":"X","message":"y"}}`), false, "hotsock: X: y", 1, "hotsock: X: y", 1},
		{"no code", always(500, `{"error":{}}`), false, "500 Internal", 1, "500 Internal", 1},
		{"of a proxy", always(502, "<html>"), false, "502 Bad Gateway", 1, "502 Bad Gateway", 1},
		{"redirected", always(304, ""), false, "304 Not Modified", 1, "304 Not Modified", 1},
		{"no JSON", always(200, "<html>"), false, "malformed", 1, "malformed", 1},
		{"too long", always(200, strings.Repeat(" ", 5<<20)), false, "longer than", 1, "longer than", 1},
		{"unauthorized", always(401, unauthorized), false, "UNAUTHORIZED", 1, "UNAUTHORIZED", 1},
		{"of another connection", first(always(401, unauthorized)), true, "", 2, "", 2},
		{"cut short", cutShort, false, "unexpected EOF", 1, "unknown: unexpected EOF", 1},
		{"cut short with the connection", first(cutShort), true, "", 2, "unknown: unexpected EOF", 1},
		{"no answer", hang, false, "deadline exceeded", 1, "unknown: context deadline exceeded", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, reads := range []bool{true, false} {
				a := &api{t: t, answer: tt.answer, ended: tt.ended}
				o := Options{MaxFrameSize: 1 << 10}
				inBubbleAt(t, "ws://pipe/rt?tenant=a b", a, o, func(t *testing.T, c *Client) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					want, times := tt.writes, tt.write
					var err error
					if reads {
						want, times = tt.reads, tt.read
						_, err = c.ChannelInfo(ctx, "room")
					} else {
						err = c.CancelSchedule(ctx, "arn")
					}
					synctest.Wait()
					if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
						t.Errorf("reads %v: got %v, want %q", reads, err, want)
					}
					if unknown := strings.Contains(want, "unknown"); errors.Is(err, ErrUnknownOutcome) != unknown {
						t.Errorf("reads %v: the outcome of %v is unknown: %v", reads, err, !unknown)
					}
					if a.requests != times {
						t.Errorf("reads %v: there were %d requests, want %d", reads, a.requests, times)
					}
				})
			}
		})
	}
}

// A request ends with the connection that it is made for: a read is repeated on
// the next one, of a change the outcome is unknown.
func TestRequestEndsWithConnection(t *testing.T) {
	for _, reads := range []bool{true, false} {
		a := &api{t: t}
		a.answer = first(func(w http.ResponseWriter, r *http.Request, before int) {
			_ = a.present.Load().CloseNow()
			hang(w, r, before)
		})
		inBubbleAt(t, "ws://pipe/rt?tenant=a b", a, Options{}, func(t *testing.T, c *Client) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if reads {
				_, err := c.ChannelInfo(ctx, "room")
				synctest.Wait()
				if err != nil || a.requests != 2 {
					t.Errorf("got %v after %d requests", err, a.requests)
				}
				return
			}
			err := c.CancelSchedule(ctx, "arn")
			synctest.Wait()
			if !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded) || a.requests != 1 {
				t.Errorf("got %v after %d requests", err, a.requests)
			}
		})
	}
}

// What cannot be marshalled is not sent.
func TestUnsendableRequest(t *testing.T) {
	a := &api{t: t, answer: always(http.StatusOK, "{}")}
	inBubbleAt(t, "ws://pipe/rt?tenant=a b", a, Options{}, func(t *testing.T, c *Client) {
		if _, err := c.ChannelInfo(t.Context(), "\xff"); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
			t.Errorf("got %v", err)
		}
		if _, err := c.Publish(t.Context(), "room", "e", json.RawMessage("{")); err == nil || a.requests > 0 {
			t.Errorf("got %v after %d requests", err, a.requests)
		}
	})
}
