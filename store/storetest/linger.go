package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// endWithGrace ends a subscription to the channel of join. Nothing may be announced.
func (n *node) endWithGrace(connection string, grace time.Duration) store.SubscriptionEnd {
	n.e.Helper()
	end, err := n.Unsubscribe(n.e.Context(), store.UnsubscribeRequest{Channel: "presence.c", Connection: connection, Grace: grace})
	if err != nil {
		n.e.Fatalf("node %d: Unsubscribe: %v", n.r.number, err)
	}
	if end.Change != nil {
		n.e.Errorf("the end of %q with a grace announced %v", connection, end.Change)
	}
	return end
}

// changesOf returns what was announced of the members of presence.c until now.
func (n *node) changesOf() []store.PresenceChange {
	n.e.Helper()
	n.mark("presence.c", n)
	var changes []store.PresenceChange
	for _, it := range n.r.delivered("presence.c") {
		if it.Presence != nil {
			changes = append(changes, *it.Presence)
		}
	}
	return changes
}

// awaitRemoved waits until some members were removed after a grace, and returns what was
// reported.
func (e *env) awaitRemoved(count int, nodes ...*node) []store.PresenceChange {
	e.Helper()
	var all []store.PresenceChange
	e.awaitWithTime("the removal of members", func() bool {
		all = nil
		for _, n := range nodes {
			n.r.mu.Lock()
			all = append(all, n.r.removed...)
			n.r.mu.Unlock()
		}
		return len(all) >= count
	})
	return all
}

func added(member string) store.PresenceChange {
	return store.PresenceChange{Kind: store.MemberAdded, Member: members(member)[0]}
}

func updated(member string) store.PresenceChange {
	return store.PresenceChange{Kind: store.MemberUpdated, Member: members(member)[0]}
}

func removed(member string) store.PresenceChange {
	return store.PresenceChange{Kind: store.MemberRemoved, Member: members(member)[0]}
}

func testLingerBack(e *env) {
	a, b := e.join(), e.join()
	a.watch("presence.c")
	a.subscribe(join("1", "Jim", "1"))
	b.subscribe(join("2", "Pam", ""))

	end := a.endWithGrace("1", brief)
	wantEqual(e, "end", end, store.SubscriptionEnd{
		Channel: "presence.c", Connection: "1", UID: "Jim", UMD: []byte("1"), Counted: true, Count: 1,
	})
	wantEqual(e, "channel meanwhile", b.info("presence.c"), store.ChannelInfo{Count: 1, Members: members("Jim 1", "Pam")})
	res := b.subscribe(join("3", "Jim", "1"))
	wantEqual(e, "channel for who comes back", res.Info, store.ChannelInfo{Count: 2, Members: members("Jim 1", "Pam")})
	if res.Change != nil {
		e.Errorf("coming back announced %v", res.Change)
	}
	e.outliveBrief()
	e.h.Advance(time.Second)
	wantEqual(e, "members when the grace would be over", a.info("presence.c").Members, members("Jim 1", "Pam"))

	b.endWithGrace("3", brief)
	wantEqual(e, "change for who comes back with other metadata", a.subscribe(join("1", "Jim", "2")).Change,
		change(store.MemberUpdated, "Jim 2", "Jim 2", "Pam"))
	wantEqual(e, "change of who came back, and ends at once", a.unsubscribe("presence.c", "1").Change,
		change(store.MemberRemoved, "Jim 2", "Pam"))

	// The connection may have the same name, as when it was ended for another reason.
	b.endWithGrace("2", brief)
	b.subscribe(join("2", "Pam", ""))
	e.outliveBrief()
	e.h.Advance(time.Second)
	wantEqual(e, "changes", a.changesOf(), []store.PresenceChange{added("Jim 1"), added("Pam"), updated("Jim 2"), removed("Jim 2")})
	if n := a.r.reports() + b.r.reports(); n > 0 {
		e.Errorf("%d reports, though all came back", n)
	}
}

func testLingerOver(e *env) {
	a, b := e.join(), e.join()
	a.watch("presence.c")
	a.subscribe(join("1", "Jim", "1"))
	b.subscribe(join("2", "Pam", ""))
	b.subscribe(join("3", "Tim", ""))
	before := a.publish(store.PublishRequest{Channel: "presence.c", Event: "mark"}).ID
	a.endWithGrace("1", brief)
	b.endWithGrace("3", time.Hour)
	plain := store.SubscribeRequest{Channel: "c", Connection: "1", UID: "Jim", Counted: true}
	a.subscribe(plain)
	if _, err := a.Unsubscribe(e.Context(), store.UnsubscribeRequest{Channel: "c", Connection: "1", Grace: brief}); err != nil {
		e.Error(err)
	}

	reported := e.awaitRemoved(1, a, b)
	e.h.Advance(2 * time.Second)
	wantEqual(e, "changes", a.changesOf(), []store.PresenceChange{added("Jim 1"), added("Pam"), added("Tim"), removed("Jim 1")})
	wantEqual(e, "reported", reported, []store.PresenceChange{*change(store.MemberRemoved, "Jim 1", "Pam", "Tim")})
	if n := a.r.reports() + b.r.reports(); n != 1 {
		e.Errorf("%d reports of one removal", n)
	}
	wantEqual(e, "channel", b.info("presence.c"), store.ChannelInfo{Count: 1, Members: members("Pam", "Tim")})
	for _, it := range a.r.delivered("presence.c") {
		if it.Presence == nil || it.Presence.Kind != store.MemberRemoved {
			continue
		}
		if after := time.Duration(it.ID.Time()-before.Time()) * time.Millisecond; after < brief {
			e.Errorf("removed %v after the last connection ended, with a grace of %v", after, brief)
		}
	}
	wantEqual(e, "change for who comes too late", b.subscribe(join("1", "Jim", "1")).Change,
		change(store.MemberAdded, "Jim 1", "Pam", "Tim", "Jim 1"))
}

func testLingerLast(e *env) {
	a, b := e.join(), e.join()
	a.watch("presence.c")
	a.subscribe(join("1", "Jim", ""))
	b.subscribe(join("2", "Jim", ""))
	a.endWithGrace("1", brief)
	e.outliveBrief()
	e.h.Advance(time.Second)
	wantEqual(e, "members, as another connection is there", a.info("presence.c").Members, members("Jim"))
	wantEqual(e, "change at the end of that", b.unsubscribe("presence.c", "2").Change, change(store.MemberRemoved, "Jim"))

	a.subscribe(join("3", "Pam", ""))
	a.endWithGrace("3", brief)
	b.subscribe(join("4", "Pam", ""))
	b.endWithGrace("4", time.Hour) // In place of the other.
	e.outliveBrief()
	e.h.Advance(time.Second)
	wantEqual(e, "members after the first grace", a.info("presence.c").Members, members("Pam"))

	a.subscribe(join("5", "Pam", ""))
	wantEqual(e, "change of a connection that becomes another user", a.subscribe(join("5", "Tim", "")).Change,
		change(store.MemberAdded, "Tim", "Tim"))
	wantEqual(e, "changes", a.changesOf(), []store.PresenceChange{
		added("Jim"), removed("Jim"), added("Pam"), removed("Pam"), added("Tim"),
	})
	if n := a.r.reports() + b.r.reports(); n > 0 {
		e.Errorf("%d reports, though no grace was over", n)
	}
}

func testLingerCapacity(e *env) {
	a := e.join()
	sized := func(connection, uid, umd string, size int) store.SubscribeRequest {
		s := join(connection, uid, umd)
		s.MemberSize, s.MaxMembersSize = size, 25
		return s
	}
	a.subscribe(sized("1", "Jim", "1", 10))
	a.endWithGrace("1", brief)
	_, err := a.Subscribe(e.Context(), sized("2", "Pam", "", 16))
	e.wantErr("a member too large beside one who lingers", err, store.ErrCapacity)
	a.subscribe(sized("2", "Pam", "", 15))
	_, err = a.Subscribe(e.Context(), sized("3", "Jim", "33", 11))
	e.wantErr("coming back with larger metadata", err, store.ErrCapacity)
	e.awaitRemoved(1, a)
	a.subscribe(sized("3", "Jim", "33", 10))
	a.endWithGrace("3", time.Hour)
	a.subscribe(sized("4", "Jim", "33", 10))
	wantEqual(e, "members", a.info("presence.c").Members, members("Pam", "Jim 33"))
}

func testLingerDeath(e *env) {
	o := store.JoinOptions{
		ReplayWindow: time.Minute, ReplayLimit: 1000, NodeTimeout: 2 * time.Second, MaxListedSize: roomy, Grace: brief,
	}
	a, b, victim, leaver := e.joinWith(o), e.joinWith(o), e.joinWith(o), e.joinWith(o)
	a.watch("presence.c")
	victim.subscribe(join("1", "Jim", "1"))
	victim.subscribe(join("2", "Pam", ""))
	leaver.subscribe(join("3", "Tim", ""))
	b.subscribe(join("4", "Kim", ""))
	if err := leaver.Leave(e.Context()); err != nil {
		e.Fatal(err)
	}
	wantEqual(e, "channel after a node has left", a.info("presence.c"),
		store.ChannelInfo{Count: 3, Members: members("Jim 1", "Pam", "Tim", "Kim")})
	a.subscribe(join("5", "Tim", ""))
	victim.kill()

	ended := 0
	e.awaitWithTime("the ends of the dead node's subscriptions", func() bool {
		ended = 0
		for _, n := range []*node{a, b} {
			n.r.mu.Lock()
			for _, end := range n.r.ended {
				if end.Change != nil {
					e.Errorf("the end of %q, of a node that died, changed %v", end.Connection, end.Change)
				}
			}
			ended += len(n.r.ended)
			n.r.mu.Unlock()
		}
		return ended >= 2
	})
	if c := b.subscribe(join("6", "Pam", "")).Change; c != nil {
		e.Errorf("coming back after the node had died announced %v", c)
	}
	wantEqual(e, "reported", e.awaitRemoved(1, a, b), []store.PresenceChange{*change(store.MemberRemoved, "Jim 1", "Pam", "Tim", "Kim")})
	e.h.Advance(2 * time.Second)
	wantEqual(e, "changes", a.changesOf(), []store.PresenceChange{
		added("Jim 1"), added("Pam"), added("Tim"), added("Kim"), removed("Jim 1"),
	})
	if n := a.r.reports() + b.r.reports(); n != 3 {
		e.Errorf("%d reports, want two ends and one removal", n)
	}
}

// testLingerRace has users come back when they are about to be removed. Each change must
// follow from those before it, and every removal that no end caused is reported once.
func testLingerRace(e *env) {
	const workers, rounds = 6, 8
	nodes := []*node{e.join(), e.join()}
	watcher := e.join()
	watcher.watch("presence.c")
	random := rand.New(rand.NewPCG(2, 1))
	connection := func(w, round int) string { return fmt.Sprint(w, ".", round) }
	for round := range rounds {
		var wg sync.WaitGroup
		for w := range workers {
			n, umd := nodes[(w+round)%len(nodes)], fmt.Sprint(random.IntN(2))
			grace := time.Duration(1+random.IntN(600)) * time.Millisecond
			wg.Go(func() {
				if _, err := n.Subscribe(e.Context(), join(connection(w, round), fmt.Sprint("user ", w), umd)); err != nil {
					e.Error(err)
				}
				if round < rounds-1 {
					n.endWithGrace(connection(w, round), grace)
				}
			})
		}
		e.h.Advance(time.Duration(random.IntN(10)) * tick)
		wg.Wait()
	}
	e.h.Advance(2 * time.Second)
	var list []store.Member
	gone := 0
	for _, c := range watcher.changesOf() {
		list = apply(e, list, &c)
		if c.Kind == store.MemberRemoved {
			gone++
		}
	}
	if reported := watcher.r.reports() + nodes[0].r.reports() + nodes[1].r.reports(); reported != gone {
		e.Errorf("%d removals were announced, and %d reported", gone, reported)
	}
	wantEqual(e, "members in the end", nodes[0].info("presence.c").Members, list)
	if len(list) != workers {
		e.Errorf("%d members in the end, want %d", len(list), workers)
	}
}
