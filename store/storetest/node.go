package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// joinMortal adds a node whose death the others notice soon.
func (e *env) joinMortal() *node {
	e.Helper()
	return e.joinWith(store.JoinOptions{
		ReplayWindow:  time.Minute,
		ReplayLimit:   1000,
		NodeTimeout:   2 * time.Second,
		MaxListedSize: roomy,
	})
}

func (n *node) addConnection(c store.Connection) {
	n.e.Helper()
	if err := n.AddConnection(n.e.Context(), c); err != nil {
		n.e.Fatalf("node %d: AddConnection: %v", n.r.number, err)
	}
}

func testLeave(e *env) {
	a, b := e.joinMortal(), e.joinMortal()
	a.watch("presence.c")
	b.watch("presence.c")
	a.subscribe(join("1", "Jim", "1"))
	b.subscribe(join("2", "Jim", "1"))
	b.subscribe(join("3", "Pam", "2"))
	other := join("3", "", "")
	other.Channel, other.Presence = "c", false
	b.subscribe(other)
	b.addConnection(store.Connection{ID: "2"})
	if err := b.Leave(e.Context()); err != nil {
		e.Fatal(err)
	}
	if err := b.Leave(e.Context()); err != nil {
		e.Errorf("leaving again: %v", err)
	}
	wantEqual(e, "presence channel", a.info("presence.c"), store.ChannelInfo{Count: 1, Members: members("Jim 1")})
	wantEqual(e, "channel", a.info("c"), store.ChannelInfo{})
	silent := len(b.r.delivered("presence.c"))
	a.mark("presence.c", a)
	items := a.r.delivered("presence.c")
	wantEqual(e, "the last change", items[len(items)-2].Presence, change(store.MemberRemoved, "Pam 2"))

	for what, err := range map[string]error{
		"Watch":         b.Watch(e.Context(), "c"),
		"AddConnection": b.AddConnection(e.Context(), store.Connection{ID: "4"}),
		"Ready":         b.Ready(e.Context()),
		"Subscribe": func() error {
			_, err := b.Subscribe(e.Context(), join("4", "Dwight", ""))
			return err
		}(),
		"Publish": func() error {
			_, err := b.Publish(e.Context(), store.PublishRequest{Channel: "presence.c", Event: "e"})
			return err
		}(),
	} {
		e.wantErr(what+" of a node that has left", err, store.ErrUnavailable)
	}
	// What it left is nobody's to report, and it hears nothing more.
	e.h.Advance(3 * time.Second)
	if n := a.r.reports(); n > 0 {
		e.Errorf("%d ends of what a node ended itself were reported", n)
	}
	a.mark("presence.c", a)
	if n := len(b.r.delivered("presence.c")); n != silent {
		e.Errorf("%d items were delivered to a node that has left", n-silent)
	}
}

// testLeaveEndedContext: what Leave has no time for, the others do.
func testLeaveEndedContext(e *env) {
	a, b := e.joinMortal(), e.joinMortal()
	b.subscribe(join("1", "Jim", ""))
	ctx, cancel := context.WithCancel(e.Context())
	cancel()
	_ = b.Leave(ctx)
	e.awaitWithTime("the end of the subscription", func() bool {
		info := a.info("presence.c")
		return info.Count == 0 && len(info.Members) == 0
	})
	if slices.Contains(a.peers(), b.ID()) {
		e.Error("the node is still a peer")
	}
}

// testLeaveInUse leaves while the node subscribes: nothing stays behind.
func testLeaveInUse(e *env) {
	a, b := e.join(), e.join()
	const workers = 8
	var wg sync.WaitGroup
	busy := make(chan struct{}, workers)
	for i := range workers {
		wg.Go(func() {
			for j := 0; ; j++ {
				s := join(fmt.Sprint(i, ".", j), fmt.Sprint("user ", i), "")
				if _, err := b.Subscribe(e.Context(), s); err != nil {
					e.wantErr("Subscribe while leaving", err, store.ErrUnavailable)
					return
				}
				if j == 20 {
					busy <- struct{}{}
				}
			}
		})
	}
	for range workers {
		<-busy
	}
	if err := b.Leave(e.Context()); err != nil {
		e.Error(err)
	}
	wg.Wait()
	wantEqual(e, "channel", a.info("presence.c"), store.ChannelInfo{})
}

// testDeath kills a node with some of everything, and looks at what the two
// that live make of it.
func testDeath(e *env) {
	a, b, victim := e.joinMortal(), e.joinMortal(), e.joinMortal()
	living := []*node{a, b}
	for _, n := range living {
		n.watch("presence.c", "c")
	}
	victim.watch("presence.c")
	a.subscribe(join("a1", "Jim", "1"))
	victim.subscribe(join("v1", "Jim", "1"))
	victim.subscribe(join("v2", "Pam", "2"))
	victim.subscribe(join("v3", "Pam", "2"))
	plain := store.SubscribeRequest{Channel: "c", Connection: "v1", UID: "Jim", UMD: []byte("3"), Counted: true}
	victim.subscribe(plain)
	uncounted := plain
	uncounted.Connection, uncounted.Counted = "v2", false
	victim.subscribe(uncounted)
	mine := plain
	mine.Connection = "b1"
	b.subscribe(mine)
	victim.subscribe(join("gone", "Dwight", ""))
	victim.unsubscribe("presence.c", "gone")

	b.addConnection(store.Connection{ID: "b1", Info: []byte("b")})
	victim.addConnection(store.Connection{ID: "v1", Info: []byte("old")})
	victim.addConnection(store.Connection{ID: "v1", Info: []byte("new")})
	victim.addConnection(store.Connection{ID: "v2", Info: []byte("2")})
	victim.addConnection(store.Connection{ID: "gone"})
	if err := victim.RemoveConnection(e.Context(), "gone"); err != nil {
		e.Fatal(err)
	}
	victim.kill()

	ended, closed := e.awaitEnds(living, 5, 2)
	wantEqual(e, "connections that ended", closed, map[string]string{"v1": "new", "v2": "2"})
	var removed int
	for _, s := range ended {
		if s.Change != nil {
			removed++
			wantEqual(e, "change reported", s.Change, change(store.MemberRemoved, "Pam 2", "Jim 1"))
		}
	}
	if removed != 1 {
		e.Errorf("%d members were reported as removed, want one", removed)
	}
	end := ended["c v1"]
	wantEqual(e, "plain subscription that ended", end, store.SubscriptionEnd{
		Channel: "c", Connection: "v1", UID: "Jim", UMD: []byte("3"), Counted: true, Count: 1,
	})
	wantEqual(e, "uncounted subscription that ended", ended["c v2"], store.SubscriptionEnd{
		Channel: "c", Connection: "v2", UID: "Jim", UMD: []byte("3"), Count: ended["c v2"].Count,
	})
	for _, n := range living {
		wantEqual(e, "presence channel", n.info("presence.c"), store.ChannelInfo{Count: 1, Members: members("Jim 1")})
		wantEqual(e, "channel", n.info("c"), store.ChannelInfo{Count: 1})
		n.mark("presence.c", n)
		var changes []*store.PresenceChange
		for _, it := range n.r.delivered("presence.c") {
			if it.Presence != nil && it.Presence.Kind == store.MemberRemoved && it.Presence.Member.UID == "Pam" {
				changes = append(changes, it.Presence)
			}
		}
		wantEqual(e, "removals announced", changes, []*store.PresenceChange{
			change(store.MemberRemoved, "Pam 2"),
		})
		if slices.Contains(n.peers(), victim.ID()) {
			e.Error("the dead node is a peer")
		}
		_, err := n.Call(e.Context(), victim.ID(), []byte("hello"))
		e.wantErr("a call of the dead node", err, store.ErrNoPeer)
	}
}

// awaitEnds waits until so many subscriptions and connections have been
// reported, each once, and no more.
func (e *env) awaitEnds(nodes []*node, subscriptions, connections int) (map[string]store.SubscriptionEnd, map[string]string) {
	e.Helper()
	var ended map[string]store.SubscriptionEnd
	var closed map[string]string
	reports := func() int {
		ended, closed = make(map[string]store.SubscriptionEnd), make(map[string]string)
		n := 0
		for _, node := range nodes {
			node.r.mu.Lock()
			for _, s := range node.r.ended {
				ended[s.Channel+" "+s.Connection] = s
			}
			for _, c := range node.r.closed {
				closed[c.ID] = string(c.Info)
			}
			n += len(node.r.ended) + len(node.r.closed)
			node.r.mu.Unlock()
		}
		return n
	}
	e.awaitWithTime("the report of every end", func() bool { return reports() >= subscriptions+connections })
	e.h.Advance(2 * time.Second)
	if n := reports(); n != subscriptions+connections || len(ended) != subscriptions || len(closed) != connections {
		e.Errorf("%d reports, of %d subscriptions and %d connections; want %d and %d, each once",
			n, len(ended), len(closed), subscriptions, connections)
	}
	return ended, closed
}

// testDeaths kills two nodes at once, with many subscriptions of one channel
// each, while two others live.
func testDeaths(e *env) {
	const each = 20
	living := []*node{e.joinMortal(), e.joinMortal()}
	victims := []*node{e.joinMortal(), e.joinMortal()}
	living[0].watch("presence.c")
	for i, v := range victims {
		for j := range each {
			v.subscribe(join(fmt.Sprint(i, ".", j), fmt.Sprint("user ", j), ""))
			v.addConnection(store.Connection{ID: fmt.Sprint(i, ".", j)})
		}
	}
	for _, v := range victims {
		v.kill()
	}
	ended, _ := e.awaitEnds(living, 2*each, 2*each)
	counts := make(map[int]int)
	changes := make(map[string]int)
	for _, s := range ended {
		counts[s.Count]++
		if s.Change != nil {
			changes[s.Change.Member.UID]++
		}
	}
	for i := range 2 * each {
		if counts[i] != 1 {
			e.Errorf("%d ends were reported with a count of %d", counts[i], i)
		}
	}
	for i := range each {
		if n := changes[fmt.Sprint("user ", i)]; n != 1 {
			e.Errorf("user %d was removed %d times", i, n)
		}
	}
	wantEqual(e, "channel", living[1].info("presence.c"), store.ChannelInfo{})
	living[1].mark("presence.c", living[0])
	if n := len(living[0].r.delivered("presence.c")); n != 2*each+1 {
		e.Errorf("%d items, want %d added, %d removed and the mark", n, each, each)
	}
}

// testDeathOfAll: the first node that joins after all others died sweeps them.
func testDeathOfAll(e *env) {
	victim := e.joinMortal()
	victim.subscribe(join("1", "Jim", ""))
	victim.addConnection(store.Connection{ID: "1", Info: []byte("info")})
	victim.kill()
	e.h.Advance(3 * time.Second)
	a := e.joinMortal()
	_, closed := e.awaitEnds([]*node{a}, 1, 1)
	wantEqual(e, "connections that ended", closed, map[string]string{"1": "info"})
	wantEqual(e, "channel", a.info("presence.c"), store.ChannelInfo{})
}
