package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// However many members have changed while the client was away, it gets on.
func TestManyMembersChange(t *testing.T) {
	for _, size := range []int{1, 10_000, 4 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			const members = 200
			var conns int
			list := func(prefix string) string {
				var all []string
				for n := range members {
					all = append(all, fmt.Sprintf(`{"uid":"%s%d","umd":%q}`, prefix, n, strings.Repeat("x", 400)))
				}
				return strings.Join(all, ",")
			}
			serve := func(ctx context.Context, ws *websocket.Conn) {
				conns++
				_ = hear(ctx, ws, func(text string) {
					var cmd struct{ Event, Ref string }
					if err := json.Unmarshal([]byte(text), &cmd); err != nil {
						t.Error(err)
					}
					switch cmd.Event {
					case "hotsock.subscribe":
						prefix := "old"
						if conns > 1 {
							prefix = "new"
						}
						say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.subscribed","channel":"presence.team","data":{"members":[%s],"recovered":true,"lastId":%q},"meta":{},"ref":%q}`, list(prefix), idA, cmd.Ref))
						if conns > 1 {
							say(ctx, ws, `{"id":"`+idB+`","event":"e","channel":"presence.team","data":1}`)
						}
					case "cut":
						_ = ws.CloseNow()
					default:
						say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.ack","data":{},"ref":%q}`, cmd.Ref))
					}
				})
			}
			inBubble(t, script(t, serve), Options{MaxQueueSize: size}, func(t *testing.T, c *Client) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				sub, err := c.Subscribe(ctx, "presence.team", nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = c.Publish(ctx, "presence.team", "cut", nil)
				// It waits for the subscription, not for what follows to be received.
				if _, err := c.Publish(ctx, "presence.team", "ok", nil); err != nil {
					t.Fatal(err)
				}
				told := make(map[string]int)
				for n := 0; ; n++ {
					event, err := sub.Next(ctx)
					if err != nil || n > 10*members {
						t.Fatalf("after %d events: %#v, %v", n, event, err)
					}
					if m, ok := event.(MemberChange); ok {
						told[m.Kind.String()+m.Member.UID]++
						continue
					}
					if m, ok := event.(Message); !ok || m.ID != idB {
						t.Fatalf("got %#v", event)
					}
					break
				}
				if len(told) != 2*members {
					t.Errorf("%d changes", len(told))
				}
				for change, times := range told {
					if times != 1 {
						t.Errorf("told of %s %d times", change, times)
					}
				}
			})
		})
	}
}
