package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// maxID is greater than every id that a store assigns.
var maxID = ulid.ULID{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// testOneOrder publishes from many goroutines on two nodes: both get all, in
// the same order, which is that of the ids and of history.
func testOneOrder(e *env) {
	const publishers, each = 8, 40
	nodes := []*node{e.join(), e.join()}
	for _, n := range nodes {
		n.watch("c")
	}
	var wg sync.WaitGroup
	accepted := make([][]ulid.ULID, publishers)
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				req := store.PublishRequest{Channel: "c", Event: fmt.Sprintf("%d/%d", p, i)}
				if i%2 == 0 {
					req.Retention = store.Forever
				}
				res, err := nodes[p%2].Publish(e.Context(), req)
				if err != nil {
					e.Error(err)
					return
				}
				accepted[p] = append(accepted[p], res.ID)
			}
		})
	}
	wg.Wait()
	var all []ulid.ULID
	for p, ids := range accepted {
		if !slices.IsSortedFunc(ids, ulid.ULID.Compare) {
			e.Errorf("publisher %d got ids out of order", p)
		}
		all = append(all, ids...)
	}
	slices.SortFunc(all, ulid.ULID.Compare)
	for _, n := range nodes {
		got := messages(n.r.awaitCount("c", publishers*each))
		wantEqual(e, "ids delivered", idsOf(got), all)
	}
	history := nodes[0].history(store.HistoryRequest{Channel: "c", Limit: publishers * each})
	want := slices.DeleteFunc(messages(nodes[1].r.delivered("c")), func(m *store.Message) bool {
		var p, i int
		_, _ = fmt.Sscanf(m.Event, "%d/%d", &p, &i)
		return i%2 != 0
	})
	wantEqual(e, "history", history, want)
}

// testOneOrderOfAllKinds has messages, members, entries and reactions change at
// once: both nodes are given the same items, and every result names its own.
func testOneOrderOfAllKinds(e *env) {
	const each = 25
	a, b := e.join(), e.join()
	a.watch("c")
	b.watch("c")
	target := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}).ID
	var wg sync.WaitGroup
	var mu sync.Mutex
	results := make(map[ulid.ULID]string)
	do := func(n *node, kind string, call func(n *node, i int) (ulid.ULID, error)) {
		wg.Go(func() {
			for i := range each {
				id, err := call(n, i)
				if err != nil {
					e.Errorf("%s: %v", kind, err)
					return
				}
				mu.Lock()
				results[id] = kind
				mu.Unlock()
			}
		})
	}
	for w, n := range []*node{a, b} {
		user := fmt.Sprint("user ", w)
		do(n, "message", func(n *node, _ int) (ulid.ULID, error) {
			res, err := n.Publish(e.Context(), store.PublishRequest{Channel: "c", Event: "e"})
			return res.ID, err
		})
		do(n, "storage", func(n *node, i int) (ulid.ULID, error) {
			res, err := n.Set(e.Context(), write(user, fmt.Sprint(i)))
			return res.Entry.ID, err
		})
		do(n, "notice", func(n *node, i int) (ulid.ULID, error) {
			res, err := n.React(e.Context(), reactionTo(target, user, "+1", i%2 == 1))
			return res.Notice, err
		})
		do(n, "presence", func(n *node, i int) (ulid.ULID, error) {
			res, err := n.Subscribe(e.Context(), store.SubscribeRequest{
				Channel: "c", Connection: user, UID: user, UMD: []byte(fmt.Sprint(i)), UMDDigest: fmt.Sprint(i), Presence: true, MaxMembersSize: roomy,
			})
			return res.Position, err
		})
	}
	wg.Wait()
	a.mark("c", a, b)
	got := a.r.delivered("c")
	if want := 2 + 2*4*each; len(got) != want {
		e.Fatalf("%d items, want %d", len(got), want)
	}
	wantEqual(e, "items of the other node", b.r.delivered("c"), got)
	changes := 0
	for _, it := range got[1 : len(got)-1] {
		kind := results[it.ID]
		switch {
		case it.Presence != nil:
			changes++
			if kind != "presence" {
				e.Errorf("item %+v is not the position of the subscriber that caused it", it)
			}
		case it.Storage != nil && kind != "storage",
			it.Message != nil && it.Message.Event == "e" && kind != "message",
			it.Message != nil && it.Message.Event == "notice" && kind != "notice":
			e.Errorf("item %+v has the id that was returned for a %s", it, kind)
		}
	}
	if changes != 2*each {
		e.Errorf("%d presence changes, want %d", changes, 2*each)
	}
}

// testRealTimeOrder publishes alternately on two nodes, each publish after the
// one before has returned: the ids follow.
func testRealTimeOrder(e *env) {
	a, b := e.join(), e.join()
	var last ulid.ULID
	for range 200 {
		for _, n := range []*node{a, b} {
			id := n.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
			if id.Compare(last) <= 0 {
				e.Fatalf("id %v follows %v", id, last)
			}
			last = id
		}
	}
}
