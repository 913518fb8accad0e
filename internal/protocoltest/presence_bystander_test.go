package protocoltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"
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
