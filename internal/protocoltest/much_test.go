package protocoltest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// What a client asks for may be more than what may wait for one that is slow:
// it is given as much of that, and told if it gets less than it missed. It
// never gets into a circle of coming back and being disconnected.
func TestCatchUpWithMuch(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxQueueSize = 1 << 20 }, func(t *testing.T, e *env) {
		e.set("id0", e.publish(t, hotsock.Message{Channel: "room", Event: "first"}).ID)
		publish := func(n int) {
			var batch []hotsock.Message
			for range n {
				batch = append(batch, hotsock.Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 30<<10), Store: hotsock.Forever})
			}
			ctx, cancel := e.context()
			defer cancel()
			if _, err := e.anyNode().PublishBatch(ctx, batch); err != nil {
				t.Fatal(err)
			}
		}
		const subscribe = `{"event":"hotsock.subscribe","channel":"room","data":{"after":"$id0"}}`
		answer := func(recovered bool) string {
			return fmt.Sprintf(`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":%t,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`, recovered)
		}
		publish(30) // nearly as much as may wait
		c := e.connect(t, user("Jim", everything))
		c.do(subscribe, answer(true))
		for range 30 {
			c.Next()
		}
		e.quiet(t, "room", c)

		publish(30)
		d := e.connect(t, user("Jim", everything))
		d.do(subscribe, answer(false))
		e.quiet(t, "room", d)
		d.history(t, "room", `,"after":"$id0"`).want(t, 200, "")

		// Live messages may come while what was asked for is still waiting.
		for range 30 {
			c.Next()
		}
		c.Next() // the mark
		d.Close()
		for range 10 {
			c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
			c.send(subscribe)
			publish(3) // in all less than may wait, however little the kernel takes
		}
		c.send(`{"event":"hotsock.ping"}`)
		c.until(`{"event":"hotsock.pong","data":{}}`)
		c.until(e.mark(t, "room"))
	})
}

func TestObserveMuch(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxQueueSize = 1 << 20 }, func(t *testing.T, e *env) {
		fill := func(from, to int) {
			ctx, cancel := e.context()
			defer cancel()
			for i := from; i < to; i++ {
				if _, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "room", Key: fmt.Sprintf("k%03d", i), Data: strings.Repeat("x", 30<<10)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill(0, 30)
		c := e.connect(t, user("Jim", everything))
		c.Subscribe("room")
		for range 30 {
			c.Next()
		}
		e.quiet(t, "room", c)

		// More than can be sent at once is refused, and the connection goes on.
		fill(30, 40)
		d := e.connect(t, user("Pam", everything))
		d.do(`{"event":"hotsock.subscribe","channel":"room"}`, failure("room", "PAYLOAD_TOO_LARGE"))
		d.Subscribe("another")
		d.do(`{"event":"hotsock.unsubscribe","channel":"room"}`, failure("room", "NOT_SUBSCRIBED"))
		e.server(t, "GET", "/channels/room", "").want(t, 200, `{"name":"room","subscriptionsCount":1}`)
	})
}

// A client that asks for everything again and again, and reads nothing
// meanwhile, gets all that it is promised each time, or is promised nothing.
func TestAskingAndNotReading(t *testing.T) {
	const missed, length, times = 6, 30 << 10, 150
	everywhere(t, func(o *hotsock.Options) {
		// However many of the long frames have been written, what is left of the room when
		// all fit again is nearly one of them: enough for each short answer that follows.
		o.MaxQueueSize = (missed + 3) * length
		o.WriteTimeout = time.Minute // over a feed, asking takes long
	}, func(t *testing.T, e *env) {
		e.set("id0", e.publish(t, hotsock.Message{Channel: "room", Event: "first"}).ID)
		for range missed {
			e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: strings.Repeat("x", length)})
		}
		c := e.connect(t, user("Jim", everything))
		for range times {
			c.send(`{"event":"hotsock.subscribe","channel":"room","data":{"after":"$id0"}}`)
			c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
		}
		c.send(`{"event":"hotsock.ping"}`)
		frames := c.until(`{"event":"hotsock.pong","data":{}}`)
		subscribed, recovered := 0, 0
		for len(frames) > 0 {
			frame := frames[0]
			frames = frames[1:]
			switch {
			case strings.HasPrefix(frame, `{"event":"hotsock.subscribed"`):
				subscribed++
				if !strings.Contains(frame, `"recovered":true`) {
					continue
				}
				recovered++
				for range missed {
					if !strings.Contains(frames[0], `"event":"e"`) {
						t.Fatalf("missed: %s instead", shorten(frames[0]))
					}
					frames = frames[1:]
				}
			case !strings.HasPrefix(frame, `{"event":"hotsock.unsubscribed"`):
				t.Fatalf("not promised: %s", shorten(frame))
			}
		}
		if subscribed != times || recovered == 0 {
			t.Errorf("subscribed %d times, and got everything %d times", subscribed, recovered)
		}
	})
}
