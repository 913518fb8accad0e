package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// A node is killed that erases what a user has said, and Redis may be restarted then.
// Another node finishes it; what was said since stays, and nothing comes back.
func TestEraseAfterKill(t *testing.T) {
	t.Parallel()
	needsServers(t)
	messages := 3000
	if *fullFlag {
		messages = 10_000
	}
	fault{short: 2, full: 20, parallel: 2, trial: func(tr *trial) {
		// A write that reached the kernel outlives the server, and thousands of messages
		// that each wait for a busy disk take minutes.
		s := redistest.StartServer(tr.t, "--appendonly", "yes", "--appendfsync", "no")
		address := "redis://" + s.Addr
		victim, other := tr.node(address, tr.name+":"), tr.node(address, tr.name+":")
		tr.say(other, "jim", messages)
		tr.say(other, "pam", 100)
		go func() { _, _ = victim.request(tr.ctx, http.MethodDelete, "/rt/channels/room/users/jim/messages", nil) }()
		tr.within(30*time.Second, "it to begin", func() bool {
			e := tr.erasures(other)
			return len(e) == 1 && e[0].Until != "" || tr.kept(other) < messages+100
		})
		tr.sleep(tr.between(0, time.Second))
		victim.Kill()
		killed := time.Now()
		tr.logf("killed when %d messages were left: %+v", tr.kept(other), tr.erasures(other))
		tr.say(other, "jim", 50)
		if tr.kind(3) == 0 {
			tr.logf("restarting Redis")
			s.Restart()
		}
		tr.within(2*time.Minute, "the end", func() bool {
			e := tr.erasures(other)
			return len(e) == 0 || e[0].Done
		})
		tr.took("killed until erased", time.Since(killed))
		if n := tr.kept(other); n != 150 {
			tr.failf("%d messages are left, want 100 of others and 50 that came later", n)
		}
	}}.run(t)
}

// say publishes messages in a user's name.
func (tr *trial) say(n *node, uid string, count int) {
	for count > 0 {
		var batch []map[string]any
		for range min(count, 200) { // so that each request takes less than it may
			batch = append(batch, map[string]any{"channel": "room", "event": "e", "uid": uid, "store": -1})
		}
		a, err := n.request(tr.ctx, http.MethodPost, "/rt/publish/batch", map[string]any{"messages": batch})
		if err != nil || a.status != http.StatusAccepted {
			tr.fatalf("publish: %+v, %v", a, err)
		}
		count -= len(batch)
	}
}

// kept returns how many messages the channel has.
func (tr *trial) kept(n *node) (count int) {
	for after := ""; ; {
		a, err := n.request(tr.ctx, http.MethodGet, "/rt/channels/room/messages?after="+after, nil)
		if err != nil || a.status != http.StatusOK {
			return -1
		}
		var page struct {
			Messages []json.RawMessage
			Next     string
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			tr.fatalf("%v", err)
		}
		count += len(page.Messages)
		if after = page.Next; after == "" {
			return count
		}
	}
}

// An erasure is one as a node lists it.
type erasure struct {
	Until  string
	Erased int
	Done   bool
}

func (e erasure) String() string { return fmt.Sprintf("%d erased, done: %v", e.Erased, e.Done) }

// erasures lists them; one that is nothing if the node does not answer.
func (tr *trial) erasures(n *node) []erasure {
	a, err := n.request(tr.ctx, http.MethodGet, "/rt/erasures", nil)
	if err != nil || a.status != http.StatusOK {
		return []erasure{{}}
	}
	var page struct{ Erasures []erasure }
	if err := json.Unmarshal(a.body, &page); err != nil {
		tr.fatalf("%v", err)
	}
	return page.Erasures
}
