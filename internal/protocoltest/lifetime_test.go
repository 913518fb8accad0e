package protocoltest

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// Section 4: how long a connection lives.
func TestLifetime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		why    string
		claims string
		set    func(*hotsock.Options)
		// every is how often the client sends a message, if not 0.
		every  time.Duration
		send   string
		lives  time.Duration
		reason string
	}{
		{
			why: "a connection ends when it was idle for 10 minutes", claims: `{"scope":"connect"}`,
			lives: 10 * time.Minute, reason: "Idle timeout",
		},
		{
			why: "the idle timeout is an option", claims: `{"scope":"connect"}`,
			set:   func(o *hotsock.Options) { o.IdleTimeout = 42 * time.Second },
			lives: 42 * time.Second, reason: "Idle timeout",
		},
		{
			why: "a client that sends is not idle, and lives for 2 hours", claims: `{"scope":"connect"}`,
			every: 9 * time.Minute, send: `{"event":"hotsock.pong"}`,
			lives: 2 * time.Hour, reason: "Going away, all answered",
		},
		{
			why: "the age is an option", claims: `{"scope":"connect"}`,
			set:   func(o *hotsock.Options) { o.MaxConnectionDuration = 3 * time.Minute },
			lives: 3 * time.Minute, reason: "Going away, all answered",
		},
		{
			why: "keep-alives keep an idle client alive, for 2 hours", claims: `{"scope":"connect","keepAlive":true}`,
			lives: 2 * time.Hour, reason: "Going away, all answered",
		},
		{
			why: "without heartbeats a connection that must have them ends", claims: `{"scope":"connect","heartbeatTimeout":5}`,
			lives: 5 * time.Second, reason: "Heartbeat timeout",
		},
		{
			why: "other messages are no heartbeats", claims: `{"scope":"connect","heartbeatTimeout":60}`,
			every: 10 * time.Second, send: `{"event":"hotsock.pong"}`,
			lives: time.Minute, reason: "Heartbeat timeout",
		},
		{
			why: "with heartbeats it lives on", claims: `{"scope":"connect","heartbeatTimeout":60}`,
			every: 59 * time.Second, send: `{"event":"hotsock.heartbeat"}`,
			lives: 2 * time.Hour, reason: "Going away, all answered",
		},
		{
			why: "that the token expires does not end the connection", claims: fmt.Sprintf(`{"scope":"connect","keepAlive":true,"exp":%d}`, bubbleStart.Add(time.Second).Unix()),
			lives: 2 * time.Hour, reason: "Going away, all answered",
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			set := func(o *hotsock.Options) {
				o.PingInterval = 0 // which is the default: pings change nothing
				if tt.set != nil {
					tt.set(o)
				}
			}
			inBubble(t, 1, set, func(t *testing.T, e *env) {
				start := time.Now()
				c := e.connect(t, tt.claims)
				done := make(chan struct{})
				defer close(done)
				go func() {
					if tt.every == 0 {
						return
					}
					tick := time.NewTicker(tt.every)
					defer tick.Stop()
					for {
						select {
						case <-tick.C:
							_ = c.TrySend(tt.send)
						case <-done:
							return
						}
					}
				}()
				for due := 570 * time.Second; ; due += 570 * time.Second {
					frame, err := c.TryNext()
					lived := time.Since(start)
					if err == nil {
						if frame.Text != `{"event":"hotsock.keepAlive","data":{}}` {
							t.Fatalf("got %s", frame.Text)
						}
						if lived < due || lived > due+time.Second {
							t.Errorf("a keep-alive came after %v, want %v", lived, due)
						}
						continue
					}
					c.WantClose(err, websocket.StatusGoingAway, tt.reason)
					least := tt.lives
					if strings.HasPrefix(tt.reason, "Going away") {
						least -= tt.lives / 10 // Those who came together do not end together.
					}
					if lived < least || lived > tt.lives+time.Second {
						t.Errorf("lived for %v, want %v", lived, tt.lives)
					}
					return
				}
			})
		})
	}
}

// Section 2: who is silent is pinged, and who does not answer is disconnected.
func TestPingTimeout(t *testing.T) {
	needsSocket(t, "who receives pings there is not silent")
	inBubble(t, 1, func(o *hotsock.Options) { o.PingInterval = 0 }, func(t *testing.T, e *env) {
		c := e.connect(t, `{"scope":"connect"}`)
		start := time.Now()
		sent, err := io.ReadAll(c.Under) // past what would answer
		lived := time.Since(start)
		const ping, end = "\x89\x00", "\x88\x0e\x03\xe9Ping timeout"
		if string(sent) != ping+end || err != nil {
			t.Errorf("sent %q, %v", sent, err)
		}
		if lived < 22*time.Second || lived > 37*time.Second {
			t.Errorf("lived for %v", lived)
		}
	})
}

// bubbleStart is when every bubble begins.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A client that only receives is not idle.
func TestReceivingIsNotIdle(t *testing.T) {
	inBubble(t, 1, nil, func(t *testing.T, e *env) {
		c := e.connect(t, inChannel(`"subscribe":true`))
		c.Subscribe("room")
		for range 10 {
			time.Sleep(9 * time.Minute)
			e.quiet(t, "room", c)
		}
		start := time.Now()
		c.ExpectClose(websocket.StatusGoingAway, "Idle timeout")
		if d := time.Since(start); d < 10*time.Minute || d > 10*time.Minute+time.Second {
			t.Errorf("closed %v after the last message", d)
		}
	})
}
