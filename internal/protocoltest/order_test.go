package protocoltest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Many publish on all nodes at once, in every way there is: all subscribers see
// the same messages, each once, by increasing id; their own only with echo.
func TestOrder(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const clients, each = 6, 40
		type message struct {
			ID   string
			Data [2]int // publisher and number
		}
		var cs []*client
		for n := range clients {
			echo := n%2 == 0
			c := e.connectTo(t, n%len(e.nodes), user(fmt.Sprint(n), fmt.Sprintf(`{"room":{"subscribe":true,"messages":{"e":{"publish":true,"echo":%t,"store":60}}}}`, echo)))
			c.Subscribe("room")
			cs = append(cs, c)
		}
		var wg sync.WaitGroup
		for p, c := range cs {
			wg.Go(func() { // over the WebSocket
				for n := range each {
					c.send(fmt.Sprintf(`{"event":"e","channel":"room","data":[%d,%d]}`, p, n))
				}
			})
			wg.Go(func() { // over HTTP
				for n := range each {
					c.call(t, "publishMessage", fmt.Sprintf(`{"event":"e","channel":"room","data":[%d,%d]}`, clients+p, n)).want(t, 202, "")
				}
			})
		}
		wg.Go(func() { // by the host
			for n := range each {
				e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: []int{2 * clients, n}})
			}
		})
		seen := make([][]string, clients)
		var readers sync.WaitGroup
		for p, c := range cs {
			readers.Go(func() {
				count := (2*clients + 1) * each
				if p%2 != 0 {
					count -= 2 * each // own ones
				}
				next := make(map[int]int)
				last := ""
				for range count {
					frame := c.Next().Text
					var m message
					if err := json.Unmarshal([]byte(frame), &m); err != nil {
						t.Errorf("%v: %s", err, frame)
						return
					}
					if m.ID <= last {
						t.Errorf("client %d: %s after %s", p, m.ID, last)
						return
					}
					if last = m.ID; m.Data[1] != next[m.Data[0]] {
						t.Errorf("client %d: message %d of publisher %d, want %d", p, m.Data[1], m.Data[0], next[m.Data[0]])
						return
					}
					next[m.Data[0]]++
					if own := m.Data[0]%clients == p && m.Data[0] < 2*clients; own && p%2 != 0 {
						t.Errorf("client %d has its own message", p)
					}
					seen[p] = append(seen[p], m.ID)
				}
			})
		}
		wg.Wait()
		readers.Wait()
		if t.Failed() {
			return
		}
		e.quiet(t, "room", cs...)
		for p := 2; p < clients; p += 2 {
			if strings.Join(seen[p], " ") != strings.Join(seen[0], " ") {
				t.Errorf("clients 0 and %d saw different orders", p)
			}
		}
	})
}

// Members join, leave and change their looks at random, on all nodes: every
// subscriber is told the same changes in the same order, and each list follows
// from the one before.
func TestPresenceConverges(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const users, steps = 5, 30
		const channel = "presence.room"
		watchers := []*client{e.connectTo(t, 0, user("w0", everything)), e.connectTo(t, len(e.nodes)-1, user("w1", everything))}
		for _, w := range watchers {
			w.Subscribe(channel)
		}
		watchers[0].expect(change("Added", channel, member("w1", "null"), member("w0", "null"), member("w1", "null")))
		var wg sync.WaitGroup
		for u := range users {
			for node := range 2 { // each user twice
				rnd := rand.New(rand.NewPCG(uint64(u), uint64(node)))
				uid := fmt.Sprintf("u%d", u)
				c := e.connectTo(t, node%len(e.nodes), withUMD(uid, fmt.Sprint(node), everything))
				wg.Go(func() {
					in := false
					for range steps {
						switch {
						case !in:
							c.send(`{"event":"hotsock.subscribe","channel":"presence.room"}`)
							in = true
						case rnd.IntN(3) == 0:
							tok := token(t, fmt.Sprintf(`{"scope":"umd","uid":%q,"umd":%d,"channels":{"*":{"umdUpdate":true}}}`, uid, rnd.IntN(3)))
							c.send(umdUpdate(channel, tok))
						default:
							c.send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
							in = false
						}
						c.send(`{"event":"hotsock.ping"}`)
						for _, frame := range c.until(`{"event":"hotsock.pong","data":{}}`) {
							if strings.Contains(frame, "hotsock.error") {
								t.Errorf("user %s: %s", uid, frame)
							}
						}
					}
					if rnd.IntN(2) == 0 {
						c.Cut() // some just disappear
					} else if in {
						c.send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
						c.send(`{"event":"hotsock.ping"}`)
						c.until(`{"event":"hotsock.pong","data":{}}`)
					}
				})
			}
		}
		wg.Wait()
		// Until only the watchers are left.
		end := `"members":[{"uid":"w0","umd":null},{"uid":"w1","umd":null}]}`
		for {
			a := e.server(t, "GET", "/channels/"+channel, "")
			if strings.Contains(a.body, `"subscriptionsCount":2,`+end) {
				break
			}
		}
		mark := e.mark(t, channel)
		stories := make([][]string, len(watchers))
		for i, w := range watchers {
			stories[i] = w.until(mark)
		}
		if got, want := strings.Join(stories[1], "\n"), strings.Join(stories[0], "\n"); got != want {
			t.Fatalf("two subscribers were told different stories:\n%s\n\n%s", shorten(want), shorten(got))
		}
		checkStory(t, stories[0], []string{"w0", "w1"})
	})
}

// checkStory replays the changes of members and compares each list with that
// which follows from the list before.
func checkStory(t *testing.T, frames, uids []string) {
	t.Helper()
	type who struct {
		UID string
		UMD any
	}
	var list []who
	for _, uid := range uids {
		list = append(list, who{UID: uid})
	}
	for _, frame := range frames {
		var m struct {
			Event string
			Data  struct {
				Member  who
				Members []who
			}
		}
		if err := json.Unmarshal([]byte(frame), &m); err != nil {
			t.Fatalf("%v: %s", err, frame)
		}
		at := -1
		for i, w := range list {
			if w.UID == m.Data.Member.UID {
				at = i
			}
		}
		switch {
		case m.Event == "hotsock.memberAdded" && at < 0:
			list = append(list, m.Data.Member)
		case m.Event == "hotsock.memberUpdated" && at >= 0 && list[at].UMD != m.Data.Member.UMD:
			list[at] = m.Data.Member
		case m.Event == "hotsock.memberRemoved" && at >= 0:
			list = append(list[:at:at], list[at+1:]...)
		default:
			t.Fatalf("%s does not follow from %v", frame, list)
		}
		if fmt.Sprint(list) != fmt.Sprint(m.Data.Members) {
			t.Fatalf("%s\nafter it the members should be %v", frame, list)
		}
	}
	if len(list) != len(uids) {
		t.Errorf("at the end there are %v", list)
	}
}

// An observer never sees an older value after a newer one, also if it reads
// the entry all the time; and it ends with the last one.
func TestStorageNeverGoesBack(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const observers, writes = 3, 400
		done := make(chan struct{})
		var wg sync.WaitGroup
		for n := range observers {
			c := e.connectTo(t, n%len(e.nodes), user("", everything))
			if n > 0 {
				c.Subscribe("room")
			}
			wg.Go(func() {
				last, rounds := -1, 0
				for ended := false; !ended; rounds++ {
					select {
					case <-done:
						ended = true
					default:
					}
					if n == 0 { // comes and goes
						c.send(`{"event":"hotsock.subscribe","channel":"room"}`)
					}
					c.send(get("room", "k"))
					if n == 0 {
						c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
					}
					c.send(`{"event":"hotsock.ping"}`)
					for _, frame := range c.until(`{"event":"hotsock.pong","data":{}}`) {
						if !strings.Contains(frame, `"key":"k"`) {
							continue
						}
						var m struct{ Data *int }
						if err := json.Unmarshal([]byte(frame), &m); err != nil {
							t.Errorf("%v: %s", err, frame)
							return
						}
						value := -1
						if m.Data != nil {
							value = *m.Data
						}
						if value < last {
							t.Errorf("observer %d: %d after %d: %s", n, value, last, frame)
							return
						}
						last = value
					}
				}
				if last != writes-1 {
					t.Errorf("observer %d: the last value was %d", n, last)
				}
			})
		}
		for n := range writes {
			ctx, cancel := e.context()
			_, err := e.nodes[n%len(e.nodes)].SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "k", Data: n})
			cancel()
			if err != nil {
				t.Error(err)
			}
		}
		close(done)
		wg.Wait()
	})
}
