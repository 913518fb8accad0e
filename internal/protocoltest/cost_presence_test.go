//go:build !race

package protocoltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

// A bystander is a client on presence channels that reads all that it is sent,
// and keeps the members in both ways in which clients do.
type bystander struct {
	mu sync.Mutex
	// lists are what a client knows that looks at the lists alone, and followed
	// what one knows that follows the members who are named.
	lists, followed map[string]map[string]string // umd by channel and uid
	bytes           int
	closed          error
}

// watch subscribes to the channels and reads from then on.
func (b *bystander) watch(t *testing.T, c *client, wg *sync.WaitGroup, channels ...string) {
	t.Helper()
	b.lists, b.followed = make(map[string]map[string]string), make(map[string]map[string]string)
	for _, channel := range channels {
		c.send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q}`, channel))
	}
	subscribed := make(chan struct{})
	wg.Go(func() {
		left := len(channels)
		for {
			frame, err := c.TryNext()
			b.mu.Lock()
			if err != nil {
				b.closed = err
				b.mu.Unlock()
				if left > 0 {
					close(subscribed)
				}
				return
			}
			b.bytes += len(frame.Text)
			b.take(t, frame.Text)
			b.mu.Unlock()
			if frame.Event == "hotsock.subscribed" {
				if left--; left == 0 {
					close(subscribed)
				}
			}
		}
	})
	<-subscribed
}

func (b *bystander) take(t *testing.T, frame string) {
	type member struct {
		UID string
		UMD json.RawMessage
	}
	var m struct {
		Event, Channel string
		Data           struct {
			Change  string
			Member  member
			Members []member
		}
	}
	if err := json.Unmarshal([]byte(frame), &m); err != nil {
		t.Errorf("%v: %s", err, shorten(frame))
		return
	}
	if m.Data.Members != nil {
		list := make(map[string]string)
		for _, x := range m.Data.Members {
			list[x.UID] = string(x.UMD)
		}
		b.lists[m.Channel] = list
	}
	x := m.Data.Member
	followed := b.followed[m.Channel]
	switch m.Event + m.Data.Change {
	case "hotsock.subscribed":
		b.followed[m.Channel] = maps.Clone(b.lists[m.Channel])
	case "hotsock.memberAdded", "hotsock.memberChangedadded":
		if _, ok := followed[x.UID]; ok {
			t.Errorf("%s was added twice", x.UID)
		}
		followed[x.UID] = string(x.UMD)
	case "hotsock.memberUpdated", "hotsock.memberChangedupdated":
		if _, ok := followed[x.UID]; !ok {
			t.Errorf("%s was updated, and was no member", x.UID)
		}
		followed[x.UID] = string(x.UMD)
	case "hotsock.memberRemoved", "hotsock.memberChangedremoved":
		if _, ok := followed[x.UID]; !ok {
			t.Errorf("%s was removed, and was no member", x.UID)
		}
		delete(followed, x.UID)
	}
	if m.Data.Members != nil && !maps.Equal(b.lists[m.Channel], b.followed[m.Channel]) {
		t.Errorf("the list of %s is not what its changes lead to", m.Channel)
	}
}

// crowd lets members come to the channels, each with metadata of 1,000 bytes.
func crowd(t *testing.T, e *env, n int, channels ...string) (clients []*client, bystanders []*bystander, members map[string]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: computes, and waits for rates")
	}
	members = make(map[string]string)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		for _, c := range clients {
			c.Cut()
		}
		wg.Wait()
	})
	for i := range n {
		uid, umd := fmt.Sprintf("u%03d", i), `"`+strings.Repeat("x", 998)+`"`
		c, b := e.connect(t, withUMD(uid, umd, everything)), new(bystander)
		b.watch(t, c, &wg, channels...)
		members[uid] = umd
		clients, bystanders = append(clients, c), append(bystanders, b)
	}
	return clients, bystanders, members
}

// settled waits until all know the members of the channels, and returns how many
// bytes each was sent since the counters were reset.
func settled(t *testing.T, bystanders []*bystander, members map[string]string, channels ...string) (most int) {
	t.Helper()
	for _, channel := range channels {
		for i, b := range bystanders {
			await.Within(t, time.Minute, "the members that others see are right", func() bool {
				b.mu.Lock()
				defer b.mu.Unlock()
				if b.closed != nil {
					t.Fatalf("bystander %d was disconnected: %v", i, b.closed)
				}
				return maps.Equal(b.lists[channel], members) && maps.Equal(b.followed[channel], members)
			})
		}
	}
	for _, b := range bystanders {
		b.mu.Lock()
		most = max(most, b.bytes)
		b.bytes = 0
		b.mu.Unlock()
	}
	return most
}

// listsIn is how many bytes of lists of members a connection may be sent: 512 KiB
// at once, 128 KiB a second, and one list that was due. A change without the list
// has the member's metadata.
func listsIn(took time.Duration) int {
	return 512<<10 + int(took.Seconds()*(128<<10)) + 100_000
}

// What one member does costs the others a bounded number of bytes, and nobody a
// connection; whoever keeps members, in whichever way, ends with the right ones.
func TestPresenceStorm(t *testing.T) {
	const channel = "presence.room"
	everywhere(t, nil, func(t *testing.T, e *env) {
		clients, bystanders, members := crowd(t, e, 90, channel)
		settled(t, bystanders, members, channel)
		var storm []string
		for range 30 {
			storm = append(storm, `{"event":"hotsock.unsubscribe","channel":"presence.room"}`, `{"event":"hotsock.subscribe","channel":"presence.room"}`)
		}
		members["u000"] = `"after the storm"`
		storm = append(storm, umdUpdate(channel, token(t, `{"scope":"umd","uid":"u000","umd":"after the storm","channels":{"*":{"umdUpdate":true}}}`)))
		sent, start := 0, time.Now()
		for _, command := range storm {
			clients[0].send(command)
			sent += len(command)
		}
		most := settled(t, bystanders[1:], members, channel)
		took := time.Since(start)
		t.Logf("%d bytes of one member made %d for each other, in %v", sent, most, took)
		if limit := listsIn(took) + len(storm)*1200; most > limit {
			t.Errorf("%d bytes of one member made %d for each other in %v, more than %d", sent, most, took, limit)
		}
	})
}

// The same of metadata that is changed on many channels at once.
func TestPropagateToManyChannels(t *testing.T) {
	var channels []string
	for i := range 50 {
		channels = append(channels, fmt.Sprintf("presence.%d", i))
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		clients, bystanders, members := crowd(t, e, 10, channels...)
		settled(t, bystanders, members, channels...)
		start := time.Now()
		for i := range 10 {
			umd := fmt.Sprintf(`"%d%s"`, i, strings.Repeat("y", 997))
			clients[0].send(umdUpdate("", token(t, fmt.Sprintf(
				`{"scope":"umd","uid":"u000","umd":%s,"umdUpdate":true,"umdPropagate":true}`, umd))))
			members["u000"] = umd
		}
		most := settled(t, bystanders, members, channels...)
		took := time.Since(start)
		t.Logf("10 commands made %d bytes for each, in %v", most, took)
		if limit := listsIn(took) + 10*len(channels)*1200; most > limit {
			t.Errorf("10 commands made %d bytes for each in %v, more than %d", most, took, limit)
		}
	})
}
