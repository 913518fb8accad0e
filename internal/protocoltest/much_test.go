package protocoltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
	everywhere(t, func(o *hotsock.Options) { o.MaxQueueSize = 256 << 10 }, func(t *testing.T, e *env) {
		e.set("id0", e.publish(t, hotsock.Message{Channel: "room", Event: "first"}).ID)
		const missed = 6
		for range missed {
			e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 30<<10)})
		}
		c := e.connect(t, user("Jim", everything))
		const times = 200
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

// What a client is shown of a channel's storage costs what it may see, and not
// what others have stored there: names are read, patterns looked for where they
// can match, and up to a bound.
func TestObserveAmongMany(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const bound = 10_000
		put := func(keys ...string) {
			t.Helper()
			for page := range slices.Chunk(keys, 1000) {
				var writes []string
				for _, key := range page {
					writes = append(writes, fmt.Sprintf(`{"channel":"room","event":"hotsock.channelStorageSet","key":%q,"data":1}`, key))
				}
				e.server(t, "POST", "/publish/batch", `{"messages":[`+strings.Join(writes, ",")+`]}`).want(t, 202, "")
			}
		}
		var others []string
		for i := range bound - 4 {
			others = append(others, fmt.Sprintf("o.%d", i))
		}
		put(others...)
		claims := func(key string) string {
			return user("Jim", fmt.Sprintf(`{"room":{"subscribe":true,"storage":{%q:{"observe":true,"get":true},"o.*":{"set":true}}}}`, key))
		}
		const list = `{"channel":"room"}`
		// As many as may be looked through.
		c := e.connect(t, claims("*.mine"))
		c.Subscribe("room")
		c.call(t, "channelStorageList", list).want(t, 200, `{"items":[]}`)
		put("a.mine", "b.mine", "p.1", "p.2")
		c.expect(stored("room", "a.mine", "1", noMeta), stored("room", "b.mine", "1", noMeta))
		for _, tt := range []struct {
			key   string
			shown []string
		}{
			{"o.77", []string{"o.77"}},
			{"o.none", nil},
			{"p.*", []string{"p.1", "p.2"}},
			{"#regex:^p\\.", []string{"p.1", "p.2"}},
			{"p.*2", []string{"p.2"}},
			{"q.*", nil},
		} {
			c := e.connect(t, claims(tt.key))
			frames := []string{`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`}
			var items []string
			for _, key := range tt.shown {
				frames = append(frames, stored("room", key, "1", noMeta))
				items = append(items, fmt.Sprintf(`{"key":%q,"data":1,"meta":%s}`, key, noMeta))
			}
			c.do(`{"event":"hotsock.subscribe","channel":"room"}`, frames...)
			c.ExpectNothing()
			c.call(t, "channelStorageList", list).want(t, 200, `{"items":[`+strings.Join(items, ",")+`]}`)
		}
		// More, and it is said so.
		put("o.x", "o.y", "o.z")
		for _, key := range []string{"*.mine", "#regex:mine$"} {
			c := e.connect(t, claims(key))
			c.do(`{"event":"hotsock.subscribe","channel":"room"}`, failure("room", "PAYLOAD_TOO_LARGE"))
			c.call(t, "channelStorageList", list).want(t, 200,
				`{"items":[{"key":"a.mine","data":1,"meta":`+noMeta+`},{"key":"b.mine","data":1,"meta":`+noMeta+`}],"more":true}`)
			c.call(t, "channelStorageList", `{"channel":"room","after":"b.mine"}`).wantError(t, 413, "PAYLOAD_TOO_LARGE")
			c.call(t, "channelStorageList", `{"channel":"room","keys":["b.mine","o.1"],"after":"a"}`).want(t, 200,
				`{"items":[{"key":"b.mine","data":1,"meta":`+noMeta+`}]}`)
		}

		// The app reads all of it, by names or by pages.
		ctx, cancel := e.context()
		defer cancel()
		var missing []string
		for i := range bound + 1 {
			missing = append(missing, fmt.Sprint("none.", i))
		}
		for _, tt := range []struct {
			keys []string
			want int
		}{
			{nil, bound + 3},
			{append(others, "none"), len(others)},
			{missing, 0},
		} {
			var keys []string
			for q := (hotsock.StorageQuery{Channel: "room", Keys: tt.keys}); ; {
				page, err := e.anyNode().Storage(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, entry := range page.Items {
					keys = append(keys, entry.Key)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if len(keys) != tt.want || !slices.IsSorted(keys) {
				t.Errorf("%d entries by %d names, want %d", len(keys), len(tt.keys), tt.want)
			}
		}
	})
}
