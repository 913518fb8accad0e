package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// answering is a server that answers each command with frames, in which $ref is
// the command's.
func answering(t *testing.T, answers map[string]string) *countingServer {
	return &countingServer{t: t, answers: answers, heard: make(map[string]int)}
}

type countingServer struct {
	t       *testing.T
	answers map[string]string
	heard   map[string]int
}

func (s *countingServer) serve(ctx context.Context, ws *websocket.Conn) {
	_ = hear(ctx, ws, func(frame string) {
		var cmd struct{ Event, Ref string }
		if err := json.Unmarshal([]byte(frame), &cmd); err != nil || cmd.Ref == "" {
			s.t.Errorf("heard %s", frame)
		}
		s.heard[cmd.Event]++
		for answer := range strings.Lines(s.answers[cmd.Event]) {
			answer = strings.ReplaceAll(strings.TrimSpace(answer), "$ref", cmd.Ref)
			if answer == "close" {
				_ = ws.CloseNow()
				return
			}
			say(ctx, ws, answer)
		}
	})
}

const (
	subscribedRoom = `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":null},"meta":{"uid":null},"ref":"$ref"}`
	idA            = "01JA3HVNF6E89HDT1ABRFWJ8C8"
	idB            = "01JA3S05K6024HXRJN2Q9W0YMB"
	idC            = "01JA3S0BR0H7HD4CZ54KA99PAQ"
)

// What was sent when the connection broke, or the time was up, has an unknown
// outcome. It is not sent again.
func TestUnknownOutcome(t *testing.T) {
	server := answering(t, map[string]string{"cut": "close"})
	inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
		_, err := c.Publish(t.Context(), "room", "cut", 1)
		if !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = c.Publish(ctx, "room", "silent", 1)
		if !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// Before anything was sent, the outcome is known.
		_, err = c.Publish(ctx, "room", "never", 1)
		if errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// Reads have none.
		_, err = c.Storage(ctx, "room", "key")
		if errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for event, want := range map[string]int{"cut": 1, "silent": 1, "never": 0} {
			if server.heard[event] != want {
				t.Errorf("the server heard %q %d times", event, server.heard[event])
			}
		}
	})
}

// A read is repeated on the next connection.
func TestReadIsRepeated(t *testing.T) {
	server := answering(t, map[string]string{"hotsock.channelStorageGet": "close"})
	inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Storage(ctx, "room", "key")
		synctest.Wait()
		if !errors.Is(err, context.DeadlineExceeded) || server.heard["hotsock.channelStorageGet"] < 3 {
			t.Errorf("got %v after %d attempts", err, server.heard["hotsock.channelStorageGet"])
		}
	})
}

// What cannot be sent is an error of reads, too.
func TestUnsendable(t *testing.T) {
	server := answering(t, nil)
	inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
		if _, err := c.Storage(t.Context(), "room", "\xff"); err == nil || !strings.Contains(err.Error(), "cannot be sent") {
			t.Errorf("got %v", err)
		}
		if len(server.heard) > 0 {
			t.Errorf("the server heard %v", server.heard)
		}
	})
}

// A subscribe that the server puts off is waited for, and asked for again only
// much later.
func TestSubscribeIsPutOff(t *testing.T) {
	for _, code := range []string{"UNAVAILABLE", "RATE_LIMITED"} {
		server := answering(t, nil)
		refusal := fmt.Sprintf(`{"event":"hotsock.error","channel":"room","error":{"code":%q,"message":""},"ref":"$ref"}`, code)
		server.answers = map[string]string{"hotsock.subscribe": refusal}
		inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := c.Subscribe(ctx, "room", nil)
			wantCode(t, err, Code(code))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			synctest.Wait()
			if server.heard["hotsock.subscribe"] != 1 || server.heard["hotsock.unsubscribe"] != 1 {
				t.Errorf("the server heard %v", server.heard)
			}
			server.answers["hotsock.subscribe"] = refusal + "\n" + subscribedRoom
			if _, err := c.Subscribe(t.Context(), "room", nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// The server carries out a postponed subscribe just when the client asks again,
// and so begins again, perhaps later than what it has sent.
func TestPutOffAndAskedAgain(t *testing.T) {
	var refs []string
	serve := func(ctx context.Context, ws *websocket.Conn) {
		_ = hear(ctx, ws, func(text string) {
			var cmd struct {
				Event, Ref string
				Data       struct{ After string }
			}
			if err := json.Unmarshal([]byte(text), &cmd); err != nil {
				t.Error(err)
			}
			if cmd.Event != "hotsock.subscribe" {
				say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.pong","data":{},"ref":%q}`, cmd.Ref))
				return
			}
			refs = append(refs, cmd.Ref)
			switch len(refs) {
			case 1:
				say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.error","channel":"room","error":{"code":"UNAVAILABLE","message":""},"ref":%q}`, cmd.Ref))
			case 2:
				for i, last := range []string{idA, idC} {
					say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.subscribed","channel":"room","data":{"lastId":%q},"meta":{},"ref":%q}`, last, refs[i]))
				}
			case 3:
				if cmd.Data.After != idA {
					t.Errorf("asked for what came after %q", cmd.Data.After)
				}
				say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":true,"lastId":%q},"meta":{},"ref":%q}`, idC, cmd.Ref),
					`{"event":"e","channel":"room","id":"`+idB+`","data":1}`, `{"event":"e","channel":"room","id":"`+idC+`","data":2}`)
			}
		})
	}
	inBubble(t, script(t, serve), Options{}, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		sub, err := c.Subscribe(ctx, "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{idB, idC} {
			event, err := sub.Next(ctx)
			if m, ok := event.(Message); !ok || m.ID != id {
				t.Fatalf("got %#v, %v, want %s", event, err, id)
			}
		}
	})
}

// A server that knows nothing of catching up is bridged by gaps.
func TestServerWithoutCatchUp(t *testing.T) {
	server := answering(t, map[string]string{
		"hotsock.subscribe": `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{},"ref":"$ref"}`,
		"cut":               "close",
	})
	inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Publish(t.Context(), "room", "cut", 1); !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("got %v", err)
		}
		if e, err := sub.Next(t.Context()); e != (Gap{}) || err != nil {
			t.Errorf("got %#v, %v", e, err)
		}
	})
}

// Whatever a server sends that cannot be understood ends the connection with a
// reason, and nothing that it repeats reaches the program.
func TestMalformedFrames(t *testing.T) {
	for _, tt := range []struct{ name, frame, reason string }{
		{"no JSON", `{"event":`, "not a frame"},
		{"no object", `[]`, "not a frame"},
		{"no event", `{}`, "without an event"},
		{"wrong types", `{"event":1}`, "not a frame"},
		{"wrong types", `{"event":"e","channel":"room","id":["x"]}`, "not a frame"},
		{"wrong meta", `{"event":"e","channel":"room","id":"` + idA + `","meta":7}`, "not a frame"},
		{"invalid id", `{"event":"e","channel":"room","id":"zzz"}`, "invalid id"},
		{"an id that does not compare", `{"event":"e","channel":"room","id":"` + strings.ToLower(idA) + `"}`, "invalid id"},
		{"invalid position", `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":"x"}}`, "invalid id"},
		{"error without code", `{"event":"hotsock.error","channel":"room"}`, "without a code"},
		{"pages of members that are none", `{"event":"hotsock.members","channel":"room","data":{"members":[1]}}`, "malformed"},
		{"changes that are none", `{"event":"hotsock.membersChanged","channel":"room","data":{"removed":[1]}}`, "malformed"},
		{"members that are none", `{"event":"hotsock.memberAdded","channel":"room","data":{"members":[1]}}`, "malformed"},
		{"reaction that is none", `{"event":"hotsock.messageReactionAdded","channel":"room","id":"` + idB + `","data":[]}`, "malformed"},
		{"invalid UTF-8", "{\"event\":\"\xff\"}", "not a frame"},
		{"too deep", `{"event":"e","channel":"room","id":"` + idB + `","data":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "not a frame"},
		{"too long", `{"event":"` + strings.Repeat("e", 100_000) + `"}`, "too big"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := answering(t, map[string]string{
				"hotsock.subscribe": subscribedRoom + "\n" + tt.frame + "\n" +
					`{"event":"later","channel":"room","id":"` + idB + `"}`,
			})
			var st states
			inBubble(t, script(t, server.serve), Options{OnState: st.add, MaxFrameSize: 50_000}, func(t *testing.T, c *Client) {
				sub, err := c.Subscribe(t.Context(), "room", nil)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for err == nil {
					var e Event
					if e, err = sub.Next(ctx); err == nil && e != (Gap{}) {
						t.Errorf("got %#v", e)
					}
				}
				waits := st.waits()
				if len(waits) == 0 || !strings.Contains(waits[0].Err.Error(), tt.reason) {
					t.Errorf("got %v, want %q", waits, tt.reason)
				}
			})
		})
	}
}

// What is repeated or out of order is left out, and what is not known ignored.
func TestOddFrames(t *testing.T) {
	server := answering(t, map[string]string{"hotsock.subscribe": strings.Join([]string{
		subscribedRoom,
		`{"event":"e","channel":"room","id":"` + idB + `","data":1}`,
		`{"event":"e","channel":"room","id":"` + idB + `","data":2}`,
		`{"event":"e","channel":"room","id":"` + idA + `","data":3}`,
		`{"event":"e","channel":"elsewhere","id":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ","data":4}`,
		`{"event":"hotsock.new","channel":"room","data":5}`,
		`{"event":"hotsock.ack","channel":"room","data":6,"ref":"none"}`,
		`{"event":"hotsock.error","error":{"code":"NEW","message":""}}`,
		`{"event":"hotsock.connected","data":{"connectionId":"other"}}`,
		`{"event":"hotsock.unsubscribed","channel":"room","data":{}}`,
		`{"event":"e","channel":"room","id":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ","data":7}`,
	}, "\n")})
	inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := sub.Next(t.Context()); err != nil || string(m.(Message).Data) != "1" {
			t.Errorf("got %v, %v", m, err)
		}
		if m, err := sub.Next(t.Context()); !errors.Is(err, ErrUnsubscribed) {
			t.Errorf("got %v, %v", m, err)
		}
		if c.ConnectionID() != "c" {
			t.Errorf("the connection is %q", c.ConnectionID())
		}
	})
}

// Storage that nobody can follow ends the subscription rather than the memory.
func TestTooManyKeys(t *testing.T) {
	c := &Client{opts: Options{MaxQueueSize: 1 << 40}, subs: make(map[string]*Subscription), changed: make(chan struct{})}
	s := &Subscription{c: c, state: live, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	for n := range maxStored {
		s.pushEntry(Entry{Key: fmt.Sprint(n), Data: null[:1]}, 0)
	}
	s.pushEntry(Entry{Key: "0", Data: null}, 0) // one less
	s.pushEntry(Entry{Key: "0", Data: null[:1]}, 0)
	if s.state != live {
		t.Fatalf("it ended: %v", s.err)
	}
	s.pushEntry(Entry{Key: "one more", Data: null[:1]}, 0)
	if !errors.Is(s.err, errTooManyKeys) {
		t.Errorf("got %v", s.err)
	}
}
