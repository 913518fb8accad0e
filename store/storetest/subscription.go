package storetest

import (
	"fmt"
	"sync"

	"github.com/hotsock-go/hotsock/store"
)

func (n *node) subscribe(s store.SubscribeRequest) store.SubscribeResult {
	n.e.Helper()
	res, err := n.Subscribe(n.e.Context(), s)
	if err != nil {
		n.e.Fatalf("node %d: Subscribe: %v", n.r.number, err)
	}
	return res
}

func (n *node) unsubscribe(channel, connection string) store.SubscriptionEnd {
	n.e.Helper()
	end, err := n.Unsubscribe(n.e.Context(), store.UnsubscribeRequest{Channel: channel, Connection: connection})
	if err != nil {
		n.e.Fatalf("node %d: Unsubscribe: %v", n.r.number, err)
	}
	return end
}

func (n *node) info(channel string) store.ChannelInfo {
	n.e.Helper()
	info, err := n.Channel(n.e.Context(), channel)
	if err != nil {
		n.e.Fatalf("node %d: Channel: %v", n.r.number, err)
	}
	return info
}

func testSubscriptions(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	wantEqual(e, "an unknown channel", a.info("c"), store.ChannelInfo{})
	wantEqual(e, "the first", a.subscribe(store.SubscribeRequest{
		Channel: "c", Connection: "1", UID: "Jim", UMD: []byte(`{"a":1}`), Counted: true,
	}).Info, store.ChannelInfo{Count: 1})
	wantEqual(e, "one that does not count", b.subscribe(store.SubscribeRequest{
		Channel: "c", Connection: "2", UID: "Pam",
	}).Info, store.ChannelInfo{Count: 1})
	wantEqual(e, "one without a user", b.subscribe(store.SubscribeRequest{
		Channel: "c", Connection: "3", Counted: true,
	}).Info, store.ChannelInfo{Count: 2})
	b.subscribe(store.SubscribeRequest{Channel: "other", Connection: "1", Counted: true})
	for _, n := range []*node{a, b} {
		wantEqual(e, "channel", n.info("c"), store.ChannelInfo{Count: 2})
	}
	wantEqual(e, "end of one that counts", a.unsubscribe("c", "1"), store.SubscriptionEnd{
		Channel: "c", Connection: "1", UID: "Jim", UMD: []byte(`{"a":1}`), Counted: true, Count: 1,
	})
	wantEqual(e, "end of one that does not count", b.unsubscribe("c", "2"), store.SubscriptionEnd{
		Channel: "c", Connection: "2", UID: "Pam", Count: 1,
	})
	wantEqual(e, "end of the last", b.unsubscribe("c", "3"), store.SubscriptionEnd{
		Channel: "c", Connection: "3", Counted: true,
	})
	wantEqual(e, "channel without any", a.info("c"), store.ChannelInfo{})
	wantEqual(e, "the other channel", a.info("other"), store.ChannelInfo{Count: 1})
	a.mark("c", a)
	if n := len(a.r.delivered("c")); n != 1 {
		e.Errorf("subscriptions of a channel without presence were announced: %d items", n-1)
	}
}

func testPosition(e *env) {
	a, b := e.join(), e.join()
	origin := a.subscribe(store.SubscribeRequest{Channel: "c", Connection: "1"}).Position
	if origin.IsZero() {
		e.Error("no position on a channel without items")
	}
	wantEqual(e, "the next one", b.subscribe(store.SubscribeRequest{Channel: "c", Connection: "0"}).Position, origin)
	last := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	if last.Compare(origin) <= 0 {
		e.Errorf("the first item %v is not after the position %v", last, origin)
	}
	wantEqual(e, "after a message", b.subscribe(store.SubscribeRequest{Channel: "c", Connection: "2"}).Position, last)
	set, err := a.Set(e.Context(), store.SetRequest{Channel: "c", Key: "k", Value: []byte("1"), Digest: "1", Retention: store.Forever})
	if err != nil {
		e.Fatal(err)
	}
	wantEqual(e, "after a write", b.subscribe(store.SubscribeRequest{Channel: "c", Connection: "3"}).Position, set.Entry.ID)
	b.watch("c")
	joined := b.subscribe(store.SubscribeRequest{
		Channel: "c", Connection: "4", UID: "Jim", Presence: true, MaxMembersSize: 1000,
	}).Position
	items := b.r.awaitItem("c", joined)
	if items[len(items)-1].Presence == nil {
		e.Error("the position of the subscriber that joined is not that of its own MemberAdded")
	}
}

func testSubscribeAgain(e *env) {
	a := e.join()
	a.watch("c")
	s := store.SubscribeRequest{Channel: "c", Connection: "1", UID: "Jim", UMD: []byte("1"), Counted: true}
	a.subscribe(s)
	again := func(why string, before, after int) {
		res := a.subscribe(s)
		wantEqual(e, why, res.Info, store.ChannelInfo{Count: after})
		wantEqual(e, why+": count before", res.CountBefore, before)
	}
	again("the same again", 1, 1)
	s.Counted = false
	again("not counted any more", 1, 0)
	s.Counted, s.UID, s.UMD = true, "Pam", []byte("2")
	again("counted again", 0, 1)
	wantEqual(e, "end", a.unsubscribe("c", "1"), store.SubscriptionEnd{
		Channel: "c", Connection: "1", UID: "Pam", UMD: []byte("2"), Counted: true,
	})
	_, err := a.Unsubscribe(e.Context(), store.UnsubscribeRequest{Channel: "c", Connection: "1"})
	e.wantErr("ending it again", err, store.ErrNotFound)
}

func testUpdatePlain(e *env) {
	a := e.join()
	a.watch("c")
	a.subscribe(store.SubscribeRequest{Channel: "c", Connection: "1", UID: "Jim", UMD: []byte("1"), Counted: true})
	change, err := a.UpdateSubscription(e.Context(), store.UpdateSubscriptionRequest{
		Channel: "c", Connection: "1", UMD: []byte("2"), MaxMembersSize: 1,
	})
	if err != nil || change != nil {
		e.Errorf("got %v, %v", change, err)
	}
	wantEqual(e, "metadata at the end", string(a.unsubscribe("c", "1").UMD), "2")
	a.mark("c", a)
	if n := len(a.r.delivered("c")); n != 1 {
		e.Errorf("an update without presence was announced: %d items", n-1)
	}
}

func testSubscriptionNotFound(e *env) {
	a := e.join()
	a.subscribe(store.SubscribeRequest{Channel: "c", Connection: "1"})
	for _, row := range []struct{ why, channel, connection string }{
		{"an unknown channel", "unknown", "1"},
		{"an unknown connection", "c", "2"},
	} {
		_, err := a.Unsubscribe(e.Context(), store.UnsubscribeRequest{Channel: row.channel, Connection: row.connection})
		e.wantErr("Unsubscribe of "+row.why, err, store.ErrNotFound)
		_, err = a.UpdateSubscription(e.Context(), store.UpdateSubscriptionRequest{
			Channel: row.channel, Connection: row.connection, UMD: []byte("1"), MaxMembersSize: 1000,
		})
		e.wantErr("UpdateSubscription of "+row.why, err, store.ErrNotFound)
	}
	wantEqual(e, "channel", a.info("unknown"), store.ChannelInfo{})
}

// testSubscriptionCount subscribes and unsubscribes from many goroutines: no
// two see the same count on the way up, nor on the way down.
func testSubscriptionCount(e *env) {
	const each = 20
	nodes := []*node{e.join(), e.join()}
	count := func(do func(n *node, connection string) (int, error)) map[int]int {
		var wg sync.WaitGroup
		var mu sync.Mutex
		counts := make(map[int]int)
		for i, n := range nodes {
			for j := range each {
				wg.Go(func() {
					c, err := do(n, fmt.Sprint(i, j))
					if err != nil {
						e.Error(err)
					}
					mu.Lock()
					counts[c]++
					mu.Unlock()
				})
			}
		}
		wg.Wait()
		return counts
	}
	up, down := make(map[int]int), make(map[int]int)
	for i := range len(nodes) * each {
		up[i+1], down[i] = 1, 1
	}
	wantEqual(e, "counts while subscribing", count(func(n *node, connection string) (int, error) {
		res, err := n.Subscribe(e.Context(), store.SubscribeRequest{Channel: "c", Connection: connection, Counted: true})
		if err == nil && res.CountBefore != res.Info.Count-1 {
			e.Errorf("the count was %d before, and is %d after one subscription more", res.CountBefore, res.Info.Count)
		}
		return res.Info.Count, err
	}), up)
	wantEqual(e, "counts while unsubscribing", count(func(n *node, connection string) (int, error) {
		end, err := n.Unsubscribe(e.Context(), store.UnsubscribeRequest{Channel: "c", Connection: connection})
		return end.Count, err
	}), down)
}

// testWatchCount has nodes watch a count: each is told of the first change after each
// call of WatchCount, whatever made it, and soon knows the last count.
func testWatchCount(e *env) {
	a, b, victim := e.joinMortal(), e.joinMortal(), e.joinMortal()
	watchers := []*node{a, b}
	calls := func(n *node) int {
		n.r.mu.Lock()
		defer n.r.mu.Unlock()
		return n.r.counts["c"]
	}
	ask := func(n *node) int {
		got, err := n.WatchCount(e.Context(), "c")
		if err != nil {
			e.Fatalf("node %d: WatchCount: %v", n.r.number, err)
		}
		return got
	}
	// A node may be told though nothing has changed, so it asks until it sees the change.
	changed := func(why string, want int, change func()) {
		was := map[*node]int{a: calls(a), b: calls(b)}
		change()
		for _, n := range watchers {
			e.awaitWithTime(fmt.Sprintf("node %d to be told of %s and to count %d", n.r.number, why, want), func() bool {
				told := calls(n)
				if told == was[n] {
					return false
				}
				was[n] = told
				return ask(n) == want
			})
		}
	}
	s := store.SubscribeRequest{Channel: "c", Connection: "1", Counted: true}
	for _, n := range watchers {
		n.watch("c")
		if got := ask(n); got != 0 {
			e.Errorf("node %d counts %d of nobody", n.r.number, got)
		}
	}
	changed("the first subscription", 1, func() { a.subscribe(s) })
	s.Connection = "2"
	changed("one on another node", 2, func() { victim.subscribe(s) })
	changed("an end", 1, func() { a.unsubscribe("c", "1") })
	changed("the death of a node", 0, victim.kill)

	b.UnwatchCount("c")
	watchers = watchers[:1]
	was := calls(b)
	changed("a change", 50, func() {
		for i := range 50 {
			s.Connection = fmt.Sprint(i)
			a.subscribe(s)
		}
	})
	a.mark("c", a)
	b.r.awaitCount("c", 1)
	if calls(b) != was {
		e.Error("a node was told of a count that it does not watch any more")
	}
}

// testWatchCountConverges reads the count after each call until it is told no more,
// while many subscribe: then it has the last one.
func testWatchCountConverges(e *env) {
	const each = 40
	nodes := []*node{e.join(), e.join()}
	watcher := e.join()
	watcher.watch("c")
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			for j := range each {
				s := store.SubscribeRequest{Channel: "c", Connection: fmt.Sprint(i, ".", j), Counted: true}
				if _, err := n.Subscribe(e.Context(), s); err != nil {
					e.Error(err)
				}
			}
		})
	}
	for last := 0; last != len(nodes)*each; {
		watcher.r.mu.Lock()
		was := watcher.r.counts["c"]
		watcher.r.mu.Unlock()
		count, err := watcher.WatchCount(e.Context(), "c")
		if err != nil || count < last {
			e.Fatalf("WatchCount returned %d, %v after %d", count, err, last)
		}
		if last = count; last != len(nodes)*each {
			watcher.r.await("a change of the count", func() bool { return watcher.r.counts["c"] > was })
		}
	}
	wg.Wait()
}
