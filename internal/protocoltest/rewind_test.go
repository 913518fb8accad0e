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

// Section 11: the newest messages come with the subscription, under any name that the
// token gives the channel, and before what is new.
func TestRewind(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const (
			answer = `{"event":"hotsock.subscribed","channel":"room","data":{"rewound":{"messages":2,"more":true},"lastId":"$last"},"meta":{"uid":null,"umd":null},"ref":"r"}`
			second = `{"id":"$second","event":"e","channel":"room","data":2}`
			third  = `{"id":"$last","event":"e","channel":"room","data":3,"meta":{"uid":"Pam","umd":null}}`
			live   = `{"id":"$_","event":"e","channel":"room","data":4}`
		)
		publish := func(data int, by *hotsock.Member, keep time.Duration) string {
			return e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: data, Store: keep, From: by}).ID
		}
		publish(1, nil, time.Hour)
		e.set("second", publish(2, nil, hotsock.Forever))
		publish(0, nil, 0)
		e.set("last", publish(3, &hotsock.Member{UID: "Pam"}, time.Hour))
		named := e.connect(t, user("", everything))
		aliased := e.connect(t, user("", `{"room":{"subscribe":true,"alias":"r","historyStart":0}}`))
		auto := e.connect(t, user("", `{"room":{"autoSubscribe":true,"historyStart":0}}`))
		bound := e.connect(t, user("", `{"room":{"subscribe":true}}`))
		auto.expect(`{"event":"hotsock.subscribed","channel":"room","data":{"autoSubscribed":true,"lastId":"$last"},"meta":{"uid":null,"umd":null}}`)
		const ask = `{"event":"hotsock.subscribe","channel":"room","data":{"rewind":2},"ref":"r"}`
		named.do(ask, answer, second, third)
		auto.do(ask, answer, second, third)
		aliased.do(strings.Replace(ask, `"room"`, `"r"`, 1), strings.Replace(answer, `"uid"`, `"channelAlias":"r","uid"`, 1), second, third)
		bound.do(ask, strings.Replace(answer, `"messages":2,"more":true`, `"messages":0`, 1))
		publish(4, nil, 0)
		for _, c := range []*client{named, auto, aliased, bound} {
			c.expect(live)
		}
		for _, bad := range []string{`0`, `-1`, `1.5`, `1e3`, `1001`, `"2"`, `true`, `[]`, `{}`, `{"seconds":0}`, `{"seconds":"9"}`, `{"seconds":99999999999}`} {
			e.connect(t, user("", everything)).do(`{"event":"hotsock.subscribe","channel":"room","data":{"rewind":`+bad+`}}`, failure("room", "INVALID_REQUEST"))
		}
	})
}

// Whoever subscribes with a rewind while others publish gets what was before and what
// comes after, without a gap, and nothing twice.
func TestRewindWhilePublishing(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const publishers, each, readers = 3, 100, 30
		var writing, reading sync.WaitGroup
		for p := range publishers {
			writing.Go(func() {
				for n := range each {
					ctx, cancel := e.context()
					_, err := e.nodes[(p+n)%len(e.nodes)].Publish(ctx, hotsock.Message{Channel: "room", Event: "e", Data: []int{p, n}, Store: time.Hour})
					cancel()
					if err != nil {
						t.Errorf("Publish: %v", err)
					}
				}
			})
		}
		for r := range readers {
			c := e.connect(t, user("", everything))
			c.send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"room","data":{"rewind":%d}}`, []int{1, 10, 1000}[r%3]))
			subscribed := c.Next().Text
			reading.Go(func() {
				last, next := "", make(map[int]int)
				for done := 0; done < publishers; {
					var m struct {
						ID   string
						Data []int
					}
					frame := c.Next().Text
					if err := json.Unmarshal([]byte(frame), &m); err != nil || len(m.Data) != 2 {
						t.Errorf("reader %d: %s", r, frame)
						return
					}
					want, begun := next[m.Data[0]]
					if m.ID <= last || begun && m.Data[1] != want || r%3 == 2 && m.Data[1] != want {
						t.Errorf("reader %d: %s after %s, want message %d; %s", r, frame, last, want, subscribed)
						return
					}
					last, next[m.Data[0]] = m.ID, m.Data[1]+1
					if m.Data[1] == each {
						done++
					}
				}
			})
		}
		writing.Wait()
		// One more of each, for those who subscribed too late to see the last of some.
		for p := range publishers {
			e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: []int{p, each}, Store: time.Hour})
		}
		reading.Wait()
	})
}
