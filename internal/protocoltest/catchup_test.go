package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// resume is the command to subscribe and catch up.
func resume(channel, after string) string {
	return fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":{"after":%s}}`, channel, after)
}

// Section 16: what a client that was away gets.
func TestCatchUp(t *testing.T) {
	set := func(o *hotsock.Options) { o.ReplayLimit = 10 }
	everywhere(t, set, func(t *testing.T, e *env) {
		const (
			start  = `{"event":"hotsock.subscribed","channel":"room","data":{"recovered":true,"lastId":"$last"},"meta":{"uid":null,"umd":null}}`
			failed = `{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":"$last"},"meta":{"uid":null,"umd":null}}`
			leave  = `{"event":"hotsock.unsubscribe","channel":"room"}`
			left   = `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null}}`
		)
		c := e.connect(t, user("", everything))
		bound := e.connect(t, user("", `{"room":{"subscribe":true}}`))
		c.do(resume("room", `null`), `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":"$last"},"meta":{"uid":null,"umd":null}}`)
		c.do(leave, left)
		origin := `"` + e.get("last") + `"`
		c.do(resume("room", origin), start) // nothing has ever happened
		c.do(leave, left)

		var ids, frames []string
		publish := func(keep time.Duration) {
			n := len(ids)
			ids = append(ids, e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: n, Store: keep}).ID)
			frames = append(frames, fmt.Sprintf(`{"id":%q,"event":"e","channel":"room","data":%d}`, ids[n], n))
			e.set("last", ids[n])
		}
		try := func(after string, answer string, missed ...string) {
			t.Helper()
			c.do(resume("room", after), append([]string{answer}, missed...)...)
			e.quiet(t, "room", c) // the mark is a message of the channel, too
			ids, frames = append(ids, ""), append(frames, "")
			c.do(leave, left)
		}
		for n := range 6 {
			publish(time.Duration(n%2) * time.Minute) // kept and not kept
		}
		quoted := func(n int) string { return `"` + ids[n] + `"` }

		// Nothing was missed; something; everything.
		c.do(resume("room", quoted(5)), start)
		c.do(leave, left)
		c.do(resume("room", quoted(2)), append([]string{start}, frames[3:]...)...)
		c.do(leave, left)
		c.do(resume("room", origin), append([]string{start}, frames...)...)
		c.do(leave, left)
		// An alias of ids: lower case.
		c.do(resume("room", strings.ToLower(quoted(4))), start, frames[5])
		c.do(leave, left)
		// Null and nothing are not a wish to catch up on messages.
		c.do(resume("room", `null`), `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":"$last"},"meta":{"uid":null,"umd":null}}`)
		c.do(leave, left)
		// With a ref, and on a presence channel, the members are in their order.
		c.do(`{"event":"hotsock.subscribe","channel":"room","data":{"after":`+quoted(5)+`},"ref":"r"}`, strings.TrimSuffix(start, "}")+`,"ref":"r"}`)
		c.do(leave, left)

		// An id that was never here proves nothing.
		c.do(resume("room", `"01J00000000000000000000000"`), failed)
		c.do(leave, left)
		c.do(resume("room", `"7ZZZZZZZZZZZZZZZZZZZZZZZZZ"`), failed)
		c.do(leave, left)
		// History that may not be read is not replayed. That there is none may be
		// known.
		bound.do(resume("room", quoted(4)), failed)
		bound.do(leave, left)
		bound.do(resume("room", quoted(5)), start)

		// More than the limit cannot be caught up with.
		for range 10 {
			publish(0)
			bound.expect(frames[len(frames)-1])
		}
		c.do(resume("room", quoted(5)), append([]string{start}, frames[6:]...)...)
		c.do(leave, left)
		publish(0)
		bound.expect(frames[16])
		c.do(resume("room", quoted(5)), failed)
		c.do(leave, left)
		try(quoted(6), start, frames[7:17]...)
	})
}

// Unstored messages can be caught up with for the replay window, stored ones
// for as long as they are kept.
func TestReplayWindow(t *testing.T) {
	inBubble(t, 2, nil, func(t *testing.T, e *env) {
		publish := func(keep time.Duration) string {
			return e.publish(t, hotsock.Message{Channel: "room", Event: "e", Store: keep}).ID
		}
		first := publish(time.Hour)
		e.set("id2", publish(0))
		e.set("id3", publish(time.Hour))
		e.set("last", e.get("id3"))
		for _, tt := range []struct {
			wait time.Duration
			ok   bool
		}{{0, true}, {2*time.Minute - 2*time.Second, true}, {3 * time.Second, false}} {
			time.Sleep(tt.wait)
			c := e.connect(t, user("", everything))
			c.send(resume("room", `"`+first+`"`))
			if !tt.ok {
				c.expect(`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":"$last"},"meta":{"uid":null,"umd":null}}`)
				continue
			}
			c.expect(`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":true,"lastId":"$last"},"meta":{"uid":null,"umd":null}}`,
				`{"id":"$id2","event":"e","channel":"room","data":null}`, `{"id":"$id3","event":"e","channel":"room","data":null}`)
		}
	})
}

// Clients that come and go while everybody publishes miss nothing and see
// nothing twice, as long as they say what they saw last.
func TestCatchUpWhilePublishing(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.ReplayLimit = 100_000 }, func(t *testing.T, e *env) {
		const publishers, each = 3, 150
		first := e.publish(t, hotsock.Message{Channel: "room", Event: "first"}).ID
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				for n := range each {
					ctx, cancel := e.context()
					_, err := e.nodes[(p+n)%len(e.nodes)].Publish(ctx, hotsock.Message{
						Channel: "room", Event: "e", Data: []int{p, n}, Store: time.Duration(n%2) * time.Hour,
					})
					cancel()
					if err != nil {
						t.Errorf("Publish: %v", err)
					}
				}
			})
		}
		var readers sync.WaitGroup
		for r := range 4 {
			c := e.connect(t, user("", everything))
			readers.Go(func() {
				last, next, total := first, make([]int, publishers), 0
				for round := 0; total < publishers*each && !t.Failed(); round++ {
					if round%5 == 4 { // sometimes on a new connection
						c.Cut()
						c = e.connect(t, user("", everything))
					}
					c.send(resume("room", `"`+last+`"`))
					for n := 0; total < publishers*each; n++ {
						frame := c.Next().Text
						if n == 0 {
							if !strings.Contains(frame, `"recovered":true`) {
								t.Errorf("reader %d, round %d: %s", r, round, frame)
								return
							}
							// Leave at some point, without waiting for anything.
							if round%2 == 0 {
								c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
							}
							continue
						}
						if strings.Contains(frame, `"hotsock.unsubscribed"`) {
							break
						}
						var m struct {
							ID   string
							Data []int
						}
						if err := json.Unmarshal([]byte(frame), &m); err != nil || len(m.Data) != 2 {
							t.Errorf("reader %d: %s", r, frame)
							return
						}
						if m.ID <= last || m.Data[1] != next[m.Data[0]] {
							t.Errorf("reader %d: %s after %s, want message %d of publisher %d", r, frame, last, next[m.Data[0]], m.Data[0])
							return
						}
						last = m.ID
						next[m.Data[0]]++
						if total++; round%2 == 1 && n == 20 {
							c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
						}
					}
				}
			})
		}
		readers.Wait()
		wg.Wait()
	})
}
