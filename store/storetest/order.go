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

var orderTests = []testCase{
	{"OneOrderEverywhere", testOneOrder},
	{"LaterPublishHasGreaterID", testRealTimeOrder},
}

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
					req.Keep = store.Forever
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
	history, err := nodes[0].History(e.Context(), store.HistoryRequest{Channel: "c", Limit: publishers * each})
	if err != nil {
		e.Fatal(err)
	}
	want := slices.DeleteFunc(messages(nodes[1].r.delivered("c")), func(m *store.Message) bool {
		var p, i int
		_, _ = fmt.Sscanf(m.Event, "%d/%d", &p, &i)
		return i%2 != 0
	})
	wantEqual(e, "history", history, want)
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
