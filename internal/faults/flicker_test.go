package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	// reloads is how often a page is loaded again.
	reloads = 20
	// reloadGrace is long enough for a reload on a busy machine.
	reloadGrace = "20s"
)

// TestFlicker loads a page again and again, and replaces all nodes one by one. With a
// grace, the others are told nothing, and without, of every single time.
func TestFlicker(t *testing.T) {
	t.Parallel()
	for _, grace := range []string{"0s", reloadGrace} {
		t.Run("grace "+grace, func(t *testing.T) {
			t.Parallel()
			fault{short: 1, full: 20, parallel: 4, trial: func(tr *trial) {
				s := startRedis(tr, t.TempDir())
				tr.reload(tr.node("redis://"+s.addr, "f:", "-presence-grace", grace), grace, "on Redis")
				tr.reload(tr.nodeInMemory("-presence-grace", grace), grace, "in memory")
				tr.replaceNodes("redis://"+s.addr, grace)
			}}.run(t)
		})
	}
}

// memberEvents is how many changes of the user a subscriber was told of on its channel.
func memberEvents(v *view, uid string) int {
	return v.kind("hotsock.memberAdded")[uid] + v.removed()[uid]
}

// reload has a page be loaded again, and counts what another member is told of it.
func (tr *trial) reload(n *node, grace, where string) {
	channel := "presence." + tr.name
	observer := tr.subscribe("observer "+where, "observer", always(n), channel)
	v := observer.views[channel]
	c := tr.member(n, "reloads", channel)
	tr.within(5*time.Second, "seeing the member", func() bool { return memberEvents(v, "reloads") == 1 })
	for range reloads {
		_ = c.ws.Close(websocket.StatusGoingAway, "")
		// The page takes a moment to load, in which the server learns of the end.
		tr.within(5*time.Second, "the end of the connection", func() bool {
			count, _, err := n.members(tr.ctx, channel)
			return err == nil && count == 1
		})
		c = tr.member(n, "reloads", channel)
	}
	want := 0
	if grace == "0s" {
		want = 2 * reloads
	}
	tr.within(5*time.Second, "all changes", func() bool { return memberEvents(v, "reloads") >= 1+want })
	tr.sleep(200 * time.Millisecond) // What is too much would come now.
	got := memberEvents(v, "reloads") - 1
	tr.count(fmt.Sprintf("%s, member events of %d reloads, grace %s", where, reloads, grace), got)
	if got != want {
		tr.failf("%s, the observer was told of %d changes, want %d", where, got, want)
	}
}

// replaceNodes replaces three nodes one by one, as a rolling restart does, and counts what
// members are told of each other. They come back as good clients do.
func (tr *trial) replaceNodes(redis, grace string) {
	const nodes, members = 3, 6
	start := func() *node { return tr.node(redis, "r:", "-presence-grace", grace) }
	var running [nodes]*node
	for i := range running {
		running[i] = start()
	}
	channel := "presence.rolling-" + tr.name
	var subs []*subscriber
	for i := range members {
		uid := fmt.Sprint("u", i)
		subs = append(subs, tr.subscribe(uid, uid, always(running[i%nodes]), channel))
	}
	told := func() (n int) {
		for _, s := range subs {
			v := s.views[channel]
			for uid, times := range v.removed() {
				if uid != s.uid {
					n += times
				}
			}
		}
		return n
	}
	for i, old := range running {
		running[i] = start()
		for j, s := range subs {
			if j%nodes == i {
				s.setAt(always(running[i]))
			}
		}
		old.Terminate()
		tr.within(20*time.Second, "the clients of "+old.name+" being elsewhere", func() bool {
			for j, s := range subs {
				if j%nodes == i && !s.isElsewhere(old) {
					return false
				}
			}
			count, uids, err := running[i].members(tr.ctx, channel)
			return err == nil && count == members && len(uids) == members
		})
	}
	tr.sleep(200 * time.Millisecond) // What is too much would come now.
	got := told()
	tr.count(fmt.Sprintf("removals told in a rolling restart of %d nodes with %d members, grace %s", nodes, members, grace), got)
	if (grace != "0s") && got > 0 {
		tr.failf("%d removals were told, want none", got)
	}
	if grace == "0s" && got == 0 {
		tr.failf("no removals were told without a grace: this shows nothing")
	}
}

// nodeInMemory starts a node without Redis.
func (tr *trial) nodeInMemory(args ...string) *node {
	n, err := listening(args...)
	if err != nil {
		tr.fatalf("a node does not start: %v", err)
	}
	tr.watch(n)
	tr.onEnd(n.Kill)
	return n
}
