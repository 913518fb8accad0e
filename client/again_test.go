package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

// A message whose outcome is unknown is published again, as long as the server can tell
// that it is the same.
func TestPublishAgain(t *testing.T) {
	const (
		ack     = `{"event":"hotsock.ack","channel":"room","data":{"id":"` + idA + `","duplicate":true},"ref":"$ref"}`
		refusal = `{"event":"hotsock.error","channel":"room","error":{"code":"UNAVAILABLE","message":"later"},"ref":"$ref"}`
		jim     = `"Jim"`
	)
	tests := []struct {
		why   string
		uids  []string // of the connections; the last one's is that of all that follow
		do    []string // what becomes of the publishes
		wait  time.Duration
		err   string // "" for none
		heard int
	}{
		{"answered", []string{jim}, []string{ack}, 0, "", 1},
		{"broken once", []string{jim}, []string{"close", ack}, 0, "", 2},
		{"broken three times", []string{jim}, []string{"close", "close", "close", ack}, 0, "", 4},
		{"as if the message broke the connection", []string{jim}, slices.Repeat([]string{"close"}, 9), 0, "unknown", 4},
		{"refused later, which says nothing of the first one", []string{jim}, []string{"close", refusal}, 0, "unknown: hotsock: UNAVAILABLE", 2},
		{"refused at once", []string{jim}, []string{refusal}, 0, "UNAVAILABLE", 1},
		{"nobody, whose connections are strangers", []string{"null"}, []string{"close", ack}, 0, "unknown", 1},
		{"what is too long for the server", []string{jim}, []string{"1009", ack}, 0, "unknown", 1},
		{"another user", []string{jim, `"Pam"`}, []string{"close", ack}, 0, "unknown", 1},
		{"back just in time", []string{jim}, []string{"close", ack}, publishAgainFor - time.Minute, "", 2},
		{"back when the server may have forgotten", []string{jim}, []string{"close", ack}, publishAgainFor + time.Minute, "unknown", 1},
		{"not back in time", []string{jim}, []string{"close"}, time.Hour, "unknown", 1},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			var mu sync.Mutex
			var heard []string
			var began time.Time
			connections := 0
			server := func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if connections > 0 && time.Since(began) < tt.wait {
					http.Error(w, "away", http.StatusServiceUnavailable)
					return
				}
				ws, err := websocket.Accept(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer ws.CloseNow()
				began = time.Now()
				uid := tt.uids[min(connections, len(tt.uids)-1)]
				connections++
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				say(ctx, ws, strings.Replace(hello, `"uid":null`, `"uid":`+uid, 1))
				mu.Unlock()
				defer mu.Lock()
				_ = hear(ctx, ws, func(text string) {
					var cmd struct{ Event, Ref, DeduplicationID string }
					if err := json.Unmarshal([]byte(text), &cmd); err != nil {
						t.Error(err)
					}
					if cmd.Event != "e" {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					heard = append(heard, cmd.DeduplicationID)
					switch do := tt.do[len(heard)-1]; do {
					case "close":
						_ = ws.CloseNow()
					case "1009":
						_ = ws.Close(websocket.StatusMessageTooBig, "")
					default:
						say(ctx, ws, strings.ReplaceAll(do, "$ref", cmd.Ref))
					}
				})
			}
			inBubble(t, http.HandlerFunc(server), Options{MaxDelay: time.Second}, func(t *testing.T, c *Client) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				id, err := c.Publish(ctx, "room", "e", 1)
				if tt.err == "" && (err != nil || id != idA) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("got %q, %v, want %q", id, err, tt.err)
				}
				if strings.Contains(tt.err, "unknown") != errors.Is(err, ErrUnknownOutcome) {
					t.Errorf("got %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				want := slices.Repeat([]string{heard[0]}, tt.heard)
				if diff := cmp.Diff(want, heard); diff != "" || (heard[0] == "") != (tt.uids[0] == "null") {
					t.Errorf("the server heard these ids (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Schedules would be two, and other commands have no id.
func TestOthersAreNotSentAgain(t *testing.T) {
	var heard atomic.Int64
	server := func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		say(ctx, ws, strings.Replace(hello, `"uid":null`, `"uid":"Jim"`, 1))
		_ = hear(ctx, ws, func(text string) {
			if strings.Contains(text, "deduplicationId") {
				t.Errorf("heard %s", text)
			}
			heard.Add(1)
			_ = ws.CloseNow()
		})
	}
	inBubble(t, http.HandlerFunc(server), Options{}, func(t *testing.T, c *Client) {
		for i, do := range []func(context.Context) error{
			func(ctx context.Context) error {
				_, err := c.PublishAt(ctx, time.Now().Add(time.Hour), "room", "e", 1)
				return err
			},
			func(ctx context.Context) error { return c.SetStorage(ctx, "room", "k", 1) },
			func(ctx context.Context) error { _, err := c.Call(ctx, "m", 1); return err },
		} {
			if err := do(t.Context()); !errors.Is(err, ErrUnknownOutcome) || heard.Load() != int64(i+1) {
				t.Errorf("%d: got %v, the server heard %d", i, err, heard.Load())
			}
		}
	})
}

// Connections break all the time, and every message is there once.
func TestPublishOverBreakingConnections(t *testing.T) {
	s := newSite(t, nil)
	t.Run("WebSockets", func(t *testing.T) { publishOverBreakingConnections(t, s, s.url) })
	s = newSite(t, nil)
	t.Run("feeds", func(t *testing.T) { publishOverBreakingConnections(t, s, s.behind(refusingUpgrades)) })
}

func publishOverBreakingConnections(t *testing.T, s *site, url string) {
	t.Helper()
	const messages = 300
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil), MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan struct{})
	broken := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-done:
				broken <- n
				return
			case <-time.After(time.Millisecond):
				c.mu.Lock()
				if c.conn != nil {
					c.conn.link.cut()
					n++
				}
				c.mu.Unlock()
			}
		}
	}()
	unknown := 0
	for i := range messages {
		for {
			_, err := c.Publish(ctx, "room", "kept", i)
			if err == nil {
				break
			}
			// Broken four times in a row: only here, where the outcome does not count.
			if !errors.Is(err, ErrUnknownOutcome) || ctx.Err() != nil {
				t.Fatal(err)
			}
			unknown++
		}
	}
	close(done)
	n := <-broken
	q := hotsock.HistoryQuery{Channel: "room"}
	counts := make(map[string]int)
	for more := true; more; more = q.After != "" {
		page, err := s.h.History(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			counts[string(m.Data)]++
		}
		q.After = page.Next
	}
	extra := 0
	for i := range messages {
		switch n := counts[fmt.Sprint(i)]; {
		case n == 0:
			t.Errorf("message %d is lost", i)
		default:
			extra += n - 1
		}
	}
	if extra > unknown {
		t.Errorf("%d messages too many, where %d outcomes were unknown", extra, unknown)
	}
	t.Logf("%d messages over %d connections that broke, %d outcomes unknown, %d messages twice", messages, n, unknown, extra)
}
