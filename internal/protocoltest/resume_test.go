package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// A channel that the token subscribes can be caught up with, and none must be
// left for it.
func TestCatchUpWithoutLeaving(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const claims = `{
			"room":{"autoSubscribe":true,"historyStart":0,"alias":"r","storage":{"k":{"observe":true}}},
			"presence.team":{"autoSubscribe":true,"historyStart":0},
			"bound":{"autoSubscribe":true}}`
		const data = `{"event":"hotsock.subscribed","channel":"room","data":{%s"lastId":"$%s"},"meta":{"channelAlias":"r","uid":"Jim","umd":null}}`
		const entry = `{"event":"hotsock.channelStorageUpdated","channel":"room","key":"k","data":1,"meta":{"uid":null,"umd":null}}`
		subscribed := func(data string) string {
			return `{"event":"hotsock.subscribed","channel":"presence.team","data":{` + data + `"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`
		}
		ctx, cancel := e.context()
		defer cancel()
		if _, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "k", Data: 1}); err != nil {
			t.Fatal(err)
		}
		connect := func() *client {
			t.Helper()
			c := e.connect(t, user("Jim", claims))
			e.forget("bound", "begun")
			c.expect(
				`{"event":"hotsock.subscribed","channel":"bound","data":{"autoSubscribed":true,"lastId":"$bound"},"meta":{"uid":"Jim","umd":null}}`,
				`{"event":"hotsock.subscribed","channel":"presence.team","data":{"autoSubscribed":true,"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}],"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`,
				fmt.Sprintf(data, `"autoSubscribed":true,`, "begun"), entry)
			return c
		}
		n := 0
		publish := func(channel string, to ...*client) string {
			t.Helper()
			n++
			id := e.publish(t, hotsock.Message{Channel: channel, Event: "e", Data: n}).ID
			frame := fmt.Sprintf(`{"id":%q,"event":"e","channel":%q,"data":%d}`, id, channel, n)
			for _, c := range to {
				c.expect(frame)
			}
			e.set("last", id)
			return frame
		}
		added := `{"event":"hotsock.memberAdded","channel":"presence.team","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}]}}`
		removed := `{"event":"hotsock.memberRemoved","channel":"presence.team","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null}]}}`

		pam := e.connect(t, user("Pam", everything))
		pam.Subscribe("presence.team")
		c := connect()
		pam.expect(added)
		seen := e.get("begun")
		c.Close()
		pam.expect(removed)
		missed := []string{publish("room"), publish("room")}

		// What comes before the catching up comes again, in its place.
		c = connect()
		pam.expect(added)
		missed = append(missed, publish("room", c))
		after := `"` + seen + `"`
		recovered := append([]string{fmt.Sprintf(data, `"recovered":true,`, "last"), entry}, missed...)
		c.do(resume("room", after), recovered...)
		publish("room", c)
		c.do(resume("r", `null`), fmt.Sprintf(data, "", "last"), entry)
		publish("room", c)
		c.do(resume("room", `"01J00000000000000000000000"`), fmt.Sprintf(data, `"recovered":false,`, "last"), entry)
		publish("room", c)

		// As any subscribe otherwise, and with another token.
		c.do(`{"event":"hotsock.subscribe","channel":"room"}`, failure("room", "ALREADY_SUBSCRIBED"))
		c.do(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"room","data":{"after":%s,"token":%q}}`, after,
			token(t, `{"scope":"subscribe","uid":"Jim","channels":{"room":{"subscribe":true}}}`)), failure("room", "ALREADY_SUBSCRIBED"))

		// Nobody sees that on a presence channel.
		members := `"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}],`
		c.do(resume("presence.team", `null`), subscribed(members))
		publish("presence.team", pam, c)
		c.do(strings.TrimSuffix(resume("presence.team", `"$last"`), "}")+`,"ref":"7"}`,
			strings.TrimSuffix(subscribed(members+`"recovered":true,`), "}")+`,"ref":"7"}`)
		e.quiet(t, "presence.team", pam, c)

		// Without history, from where the subscription began.
		begun := `"` + e.get("bound") + `"`
		own := []string{publish("bound", c), publish("bound", c)}
		bound := `{"event":"hotsock.subscribed","channel":"bound","data":{"recovered":true,"lastId":"$last"},"meta":{"uid":"Jim","umd":null}}`
		c.do(resume("bound", begun), append([]string{bound}, own...)...)
		c.Close()
		pam.expect(removed)
		c = connect()
		c.do(resume("bound", begun), strings.Replace(bound, "true", "false", 1))
	})
}

// Clients that go back while everybody publishes miss nothing of what came after
// the place that they went back to.
func TestGoingBackWhilePublishing(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.ReplayLimit = 100_000 }, func(t *testing.T, e *env) {
		const publishers, each, rounds = 3, 100, 20
		e.publish(t, hotsock.Message{Channel: "room", Event: "first"})
		type seen struct {
			ID   string
			Data []int
		}
		var all sync.WaitGroup
		for r := range 3 {
			c := e.connect(t, user("", everything))
			c.send(resume("room", `null`))
			var first struct{ Data struct{ LastID string } }
			if err := json.Unmarshal([]byte(c.Next().Text), &first); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				got := []seen{{ID: first.Data.LastID}}
				for round := 0; len(got) <= publishers*each; {
					frame := c.Next().Text
					var m seen
					if err := json.Unmarshal([]byte(frame), &m); err != nil || m.ID <= got[len(got)-1].ID {
						t.Errorf("reader %d: %s after %s", r, frame, got[len(got)-1].ID)
						return
					}
					got = append(got, m)
					if round == rounds || len(got)%10 != 0 {
						continue
					}
					round++
					got = got[:len(got)-round%10]
					c.send(resume("room", `"`+got[len(got)-1].ID+`"`))
					for frame = ""; !strings.Contains(frame, `"hotsock.subscribed"`); {
						frame = c.Next().Text
					}
					if !strings.Contains(frame, `"recovered":true`) {
						t.Errorf("reader %d: %s", r, frame)
						return
					}
				}
				next := make([]int, publishers)
				for _, m := range got[1:] {
					if len(m.Data) != 2 || m.Data[1] != next[m.Data[0]] {
						t.Errorf("reader %d: %v instead of the next of its publisher in %v", r, m, next)
						return
					}
					next[m.Data[0]]++
				}
			})
		}
		for p := range publishers {
			all.Go(func() {
				for n := range each {
					ctx, cancel := e.context()
					_, err := e.nodes[(p+n)%len(e.nodes)].Publish(ctx, hotsock.Message{Channel: "room", Event: "e", Data: []int{p, n}})
					cancel()
					if err != nil {
						t.Errorf("Publish: %v", err)
					}
				}
			})
		}
		all.Wait()
	})
}
