package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// testReplayAfterAnyItem starts at presence and storage items, which is what a
// Position may be.
func testReplayAfterAnyItem(e *env) {
	a := e.join()
	a.watch("c")
	sub, err := a.Subscribe(e.Context(), store.SubscribeRequest{
		Channel: "c", Connection: "x", UID: "u", Presence: true, MaxMembersSize: 1000,
	})
	if err != nil {
		e.Fatal(err)
	}
	a.wantReplay("after a presence item, the only one", sub.Position, nil)
	first := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	e.h.Advance(10 * time.Millisecond) // Makes room for ids in between.
	set, err := a.Set(e.Context(), store.SetRequest{
		Channel: "c", Key: "k", Value: []byte("1"), Digest: "1", Retention: store.Forever,
	})
	if err != nil {
		e.Fatal(err)
	}
	a.wantReplay("after the newest, a storage item", set.Entry.ID, nil)
	second := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	a.wantReplay("after the presence item", sub.Position, []ulid.ULID{first, second})
	a.wantReplay("after the storage item", set.Entry.ID, []ulid.ULID{second})
	a.wantNoReplay("after an id of the time of the storage item", stranger(set.Entry.ID))
	a.wantNoReplay("after an id just before the storage item's", predecessor(set.Entry.ID))
}

// testReplayEmpty starts where nothing had happened yet.
func testReplayEmpty(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	origin := a.subscribe(store.SubscribeRequest{Channel: "c", Connection: "1"}).Position
	other := a.subscribe(store.SubscribeRequest{Channel: "other", Connection: "1"}).Position
	b.wantReplay("while nothing happens", origin, nil)
	a.unsubscribe("c", "1")
	b.wantReplay("when the only one has left", origin, nil)
	var ids []ulid.ULID
	for n := range 3 {
		ids = append(ids, b.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Duration(n) * time.Hour}).ID)
	}
	wantEqual(e, "delivered", idsOf(messages(a.r.awaitItem("c", ids[2]))), ids)
	for _, n := range []*node{a, b} {
		n.wantReplay("all that there is", origin, ids)
		n.wantNoReplay("after another channel's position", other)
		n.wantNoReplay("after an id of the same time", stranger(origin))
		n.wantNoReplay("after an id just before", predecessor(origin))
	}
	a.wantReplay("from a later position", b.subscribe(store.SubscribeRequest{Channel: "c", Connection: "2"}).Position, nil)
}

// testReplayLongSubscription: who was subscribed for longer than the window, and
// then away for less, misses nothing.
func testReplayLongSubscription(e *env) {
	const window = 3 * time.Second
	a := e.joinWith(store.JoinOptions{ReplayWindow: window, ReplayLimit: 100, NodeTimeout: time.Minute})
	rows := []struct {
		channel  string
		first    bool // there is a message
		presence bool
		position ulid.ULID
	}{{channel: "empty"}, {channel: "quiet", first: true}, {channel: "members", presence: true}}
	for i := range rows {
		row := &rows[i]
		if row.first {
			a.publish(store.PublishRequest{Channel: row.channel, Event: "e"})
		}
		row.position = a.subscribe(store.SubscribeRequest{
			Channel: row.channel, Connection: "1", UID: "Jim", Presence: row.presence, MaxMembersSize: 1000,
		}).Position
	}
	e.h.Advance(window + time.Second)
	for _, row := range rows {
		a.unsubscribe(row.channel, "1")
	}
	e.h.Advance(window - time.Second)
	replay := func(channel string, after ulid.ULID) store.ReplayResult {
		return a.replay(store.ReplayRequest{Channel: channel, After: after, Until: maxID, Limit: 100})
	}
	for _, row := range rows {
		if got := replay(row.channel, row.position); !got.Complete || len(got.Messages) != 0 {
			e.Errorf("%s: nothing was missed, and the replay is %+v", row.channel, got)
		}
		id := a.publish(store.PublishRequest{Channel: row.channel, Event: "e"}).ID
		got := replay(row.channel, row.position)
		if !got.Complete {
			e.Errorf("%s: not complete with one message", row.channel)
		}
		wantEqual(e, row.channel, idsOf(got.Messages), []ulid.ULID{id})
	}
	// Whatever the stores remember for longer, what they discarded they know.
	e.h.Advance(3 * window)
	for _, row := range rows {
		for _, again := range []string{"", " by a new subscriber"} {
			if got := replay(row.channel, row.position); got.Complete && len(got.Messages) != 1 {
				e.Errorf("%s: a message was discarded, and the replay is complete%s", row.channel, again)
			}
			a.subscribe(store.SubscribeRequest{Channel: row.channel, Connection: "2"})
		}
	}
}

// testReplayWhilePublishing joins replay and live delivery as a client that
// comes back does: Watch, then Replay up to the newest, then what was
// delivered after that. Nothing is missing and nothing comes twice.
func testReplayWhilePublishing(e *env) {
	const publishers, each, rounds = 4, 50, 10
	a, b := e.join(), e.join()
	start := a.publish(store.PublishRequest{Channel: "c", Event: "start"}).ID
	var wg sync.WaitGroup
	var mu sync.Mutex
	var published []ulid.ULID
	for range publishers {
		wg.Go(func() {
			for range each {
				res, err := a.Publish(e.Context(), store.PublishRequest{Channel: "c", Event: "e"})
				if err != nil {
					e.Error(err)
					return
				}
				mu.Lock()
				published = append(published, res.ID)
				mu.Unlock()
			}
		})
	}
	type view struct {
		seen []ulid.ULID // Replayed.
		last ulid.ULID   // The end of the replay.
	}
	var views []view
	for round := range rounds {
		b.watch("c")
		sub, err := b.Subscribe(e.Context(), store.SubscribeRequest{Channel: "c", Connection: string(rune('a' + round))})
		if err != nil {
			e.Fatal(err)
		}
		replay := b.replay(store.ReplayRequest{Channel: "c", After: start, Until: sub.Position, Limit: 1000})
		if !replay.Complete {
			e.Fatal("not complete")
		}
		views = append(views, view{idsOf(replay.Messages), sub.Position})
	}
	wg.Wait()
	end := a.publish(store.PublishRequest{Channel: "c", Event: "end"}).ID
	published = append(published, end)
	slices.SortFunc(published, ulid.ULID.Compare)
	live := b.r.awaitItem("c", end)
	for i, v := range views {
		for _, it := range live {
			if it.ID.Compare(v.last) > 0 {
				v.seen = append(v.seen, it.ID)
			}
		}
		if d := diff(v.seen, published); d != "" {
			e.Errorf("round %d: ids replayed and delivered: (-want +got)\n%s", i, d)
		}
	}
}
