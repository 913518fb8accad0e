//go:build !race

package protocoltest

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

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
