package wstest

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/pipe"
)

const hello = `{"event":"hotsock.connected","data":{"connectionId":"c","connectionSecret":"s"}}`

// serve runs a test in a bubble, with a server that sends the frames and what
// answers a ping, and then closes the connection.
func serve(t *testing.T, frames []string, test func(t *testing.T, url string, o Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := pipe.Listen()
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, nil)
			if err != nil {
				return // it has been answered
			}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for _, f := range frames {
					_ = ws.Write(context.Background(), websocket.MessageText, []byte(f))
				}
			}()
			_, _, _ = ws.Read(context.Background())
			<-sent
			_ = ws.Write(context.Background(), websocket.MessageText, []byte(`{"event":"hotsock.pong","data":{}}`))
			_ = ws.Close(websocket.StatusPolicyViolation, "enough")
		})}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(l)
		}()
		defer func() {
			_ = server.Close()
			<-served
		}()
		test(t, "ws://pipe/rt", Options{HTTPClient: l.Client()})
	})
}

func TestFrames(t *testing.T) {
	frames := []string{
		hello, `{"id":"1","event":"chat","channel":"room","data":{"n":[1]}}`,
		`{"event":"hotsock.error","channel":"room","ref":"r","error":{"code":"NOT_SUBSCRIBED","message":"m"}}`,
	}
	serve(t, frames, func(t *testing.T, url string, o Options) {
		c := Connect(t, url, o)
		if c.ID != "c" || c.Secret != "s" || c.Under == nil {
			t.Errorf("connected as %q, %q, on %v", c.ID, c.Secret, c.Under)
		}
		before, f := c.Until("NOT_SUBSCRIBED")
		if len(before) != 1 || before[0].ID != "1" || fmt.Sprint(before[0].Member("n")) != "[1]" || f.Ref != "r" || f.Text != frames[2] {
			t.Errorf("got %+v, and before it %+v", f, before)
		}
		c.ExpectNothing()
		c.ExpectClose(websocket.StatusPolicyViolation, "enough")
	})
}

// A witness is a test that notes what it is failed with.
type witness struct {
	testing.TB
	said string
}

func (w *witness) Helper() {}

func (w *witness) Fatalf(format string, args ...any) {
	w.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// Who waits in vain is told for what, and what came instead.
func TestFails(t *testing.T) {
	for _, row := range []struct {
		why  string
		do   func(c *Conn)
		says []string
	}{
		{"another event", func(c *Conn) { c.Expect("hotsock.subscribed") }, []string{"want hotsock.subscribed", hello}},
		{"a frame instead of nothing", func(c *Conn) { c.ExpectNothing() }, []string{"want hotsock.pong", hello}},
		{"a frame instead of the end", func(c *Conn) { c.ExpectClose(websocket.StatusGoingAway, "") }, []string{"want the connection closed", hello}},
		{"another end", func(c *Conn) {
			c.Greet()
			c.ExpectNothing()
			c.ExpectClose(websocket.StatusGoingAway, "")
		}, []string{"StatusGoingAway", "enough", hello}},
		{"another reason", func(c *Conn) {
			c.Greet()
			c.ExpectNothing()
			c.ExpectClose(websocket.StatusPolicyViolation, "too much")
		}, []string{"too much", "enough", hello}},
		{"the end", func(c *Conn) { c.Send("x"); c.Until("chat") }, []string{"want chat", "enough", "pong"}},
		{"too long", func(c *Conn) { c.Until("chat") }, []string{"want chat", "deadline"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			serve(t, []string{hello}, func(t *testing.T, url string, o Options) {
				o.Patience = time.Minute
				c := Dial(t, url, o)
				w, done := &witness{TB: t}, make(chan struct{})
				c.t = w
				go func() {
					defer close(done)
					row.do(c)
				}()
				<-done
				for _, want := range row.says {
					if !strings.Contains(w.said, want) {
						t.Errorf("said %q, without %q", w.said, want)
					}
				}
			})
		})
	}
}

func TestRefused(t *testing.T) {
	serve(t, nil, func(t *testing.T, url string, o Options) {
		o.Header = http.Header{"Origin": {"https://elsewhere.example.com"}}
		c, answer, err := Try(t, url, o)
		if c != nil || err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
			t.Errorf("got %v, %v, %v", c, answer, err)
		}
	})
}
