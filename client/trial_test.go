package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// A scriptedLink has frames to be read, and then nothing.
type scriptedLink struct {
	link
	frames []string
}

func (*scriptedLink) write(*conn, [][]byte) error { return nil }

func (l *scriptedLink) read(ctx context.Context) ([]byte, error) {
	if len(l.frames) == 0 {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	b := l.frames[0]
	l.frames = l.frames[1:]
	if b == "" {
		return nil, errors.New("it broke")
	}
	return []byte(b), nil
}

// What the server sends before it answers the ping of a trial is read by who uses the
// connection, in order, and bounded.
func TestFramesOfATrial(t *testing.T) {
	const pong, a, b, c = `{"event":"hotsock.pong","data":{}}`, `{"event":"a"}`, `{"event":"b"}`, `{"event":"c"}`
	for _, tt := range []struct {
		why     string
		frames  []string
		answers bool
	}{
		{"an answer at once", []string{pong, a}, true},
		{"an answer behind what the token subscribes", []string{a, b, pong, c}, true},
		{"no answer", []string{a}, false},
		{"it breaks", []string{a, ""}, false},
		{"something else than a frame", []string{a, "{"}, false},
		{"more than is kept", []string{a, `{"event":"` + strings.Repeat("x", 1000) + `"}`, pong}, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &Client{opts: Options{ConnectTimeout: time.Second, MaxQueueSize: 500}}
				n := newConn(client, &scriptedLink{frames: tt.frames}, connectedData{}, "")
				defer n.cancel(nil)
				if got := n.answers(t.Context()); got != tt.answers {
					t.Fatalf("got %v", got)
				}
				if !tt.answers {
					return
				}
				var got []string
				for range len(tt.frames) - 1 {
					frame, err := n.next()
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, string(frame))
				}
				if want := strings.ReplaceAll(strings.Join(tt.frames, ""), pong, ""); strings.Join(got, "") != want {
					t.Errorf("read %q, want %s", got, want)
				}
			})
		})
	}
}

// A WebSocket that carries the server's first frame and nothing after that is given up for
// a feed, and no trial of another one disturbs that.
func TestMuteWebSocket(t *testing.T) {
	for _, tt := range []struct {
		why  string
		mute func(ctx context.Context, ws *websocket.Conn)
	}{
		{"nothing comes", func(ctx context.Context, ws *websocket.Conn) { _ = hear(ctx, ws, func(string) {}) }},
		{"nothing gets to the server, which gives up", func(ctx context.Context, ws *websocket.Conn) {
			late := time.AfterFunc(35*time.Second, func() { _ = ws.Close(websocket.StatusPolicyViolation, "Ping timeout") })
			defer late.Stop()
			_ = hear(ctx, ws, func(string) {})
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			asked := 0
			var st states
			o := Options{OnState: st.add, Token: func(context.Context) (string, error) {
				return sign(claims("Jim", func(c *hotsock.Claims) { c.Expires = time.Now().Add(24 * time.Hour) }))
			}}
			behindInBubble(t, o, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if isUpgrade(r) {
					asked++
					script(t, tt.mute)(w, r)
					return
				}
				next.ServeHTTP(w, r)
			}, func(t *testing.T, c *Client) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := c.Subscribe(ctx, "room", nil); err != nil {
					t.Fatal(err)
				}
				id := c.ConnectionID()
				time.Sleep(100 * time.Minute)
				synctest.Wait()
				if waits := st.waits(); len(waits) != 1 || !waits[0].Feed || c.ConnectionID() != id {
					t.Errorf("the feed was disturbed: %+v", st.all)
				}
				if asked < 5 || asked > 7 {
					t.Errorf("asked %d times for a WebSocket", asked)
				}
			})
		})
	}
}
