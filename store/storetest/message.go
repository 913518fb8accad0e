package storetest

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

func testDelivered(e *env) {
	a, b, c := e.join(), e.join(), e.join()
	a.watch("c")
	b.watch("c")
	c.watch("other")
	ids := []ulid.ULID{
		a.publish(store.PublishRequest{Channel: "c", Event: "one"}).ID,
		b.publish(store.PublishRequest{Channel: "c", Event: "two"}).ID,
		c.publish(store.PublishRequest{Channel: "c", Event: "three"}).ID,
	}
	for _, n := range []*node{a, b} {
		n.r.awaitItem("c", ids[2])
		n.mark("c", n)
		got := idsOf(messages(n.r.delivered("c")))
		wantEqual(e, "ids delivered", got[:3], ids)
	}
	c.mark("other", c)
	if got := c.r.delivered("c"); len(got) > 0 {
		e.Errorf("a node that does not watch the channel was given %d items", len(got))
	}
}

func testDeliveredAsPublished(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	b.watch("c")
	full := store.PublishRequest{
		Channel: "c", Event: "event with \"quotes\" and \u2028 and \x00",
		Data:    []byte(`{"emoji":"👍","nested":[1,2.50,null],"text":"line\nbreak"}`),
		Meta:    &store.Meta{UID: "Jim 🙂", UMD: []byte(`{"a":[true]}`)},
		Exclude: "connection/of=the+sender", Retention: time.Hour,
	}
	rows := []struct {
		why  string
		p    store.PublishRequest
		want store.Message
	}{
		{"everything set", full, store.Message{
			Event: full.Event, Data: full.Data, Meta: full.Meta, Expires: e.h.Now().Add(time.Hour),
		}},
		{
			"nothing set: no data is nil, no meta is nil",
			store.PublishRequest{Event: "e"},
			store.Message{Event: "e"},
		},
		{
			"null is data, and different from none",
			store.PublishRequest{Event: "e", Data: []byte("null")},
			store.Message{Event: "e", Data: []byte("null")},
		},
		{
			"a client without uid or umd has a meta",
			store.PublishRequest{Event: "e", Meta: &store.Meta{}},
			store.Message{Event: "e", Meta: &store.Meta{}},
		},
		{
			"a trace travels along",
			store.PublishRequest{Event: "e", Meta: &store.Meta{}, Trace: map[string]string{"a:b": "1\x00", "": "é", "k": ""}},
			store.Message{Event: "e", Meta: &store.Meta{}, Trace: map[string]string{"a:b": "1\x00", "": "é", "k": ""}},
		},
		{
			"also with a message of the server, kept or not",
			store.PublishRequest{Event: "e", Retention: store.Forever, Trace: map[string]string{"k": strings.Repeat("v", 1023)}},
			store.Message{Event: "e", Trace: map[string]string{"k": strings.Repeat("v", 1023)}},
		},
		{
			"an origin without a trace",
			store.PublishRequest{Event: "e", Retention: store.Forever, Origin: []byte("a:b\x00")},
			store.Message{Event: "e", Origin: []byte("a:b\x00")},
		},
		{
			"the longest of both",
			store.PublishRequest{Event: "e", Retention: store.Forever, Trace: map[string]string{"k": strings.Repeat("v", 1023)}, Origin: bytes.Repeat([]byte("o"), 4<<10)},
			store.Message{Event: "e", Trace: map[string]string{"k": strings.Repeat("v", 1023)}, Origin: bytes.Repeat([]byte("o"), 4<<10)},
		},
		{
			"kept for ever never expires",
			store.PublishRequest{Event: "e", Retention: store.Forever},
			store.Message{Event: "e"},
		},
		{
			"the longest data and user metadata that core lets through",
			store.PublishRequest{
				Event: strings.Repeat("e", 128),
				Data:  []byte(`"` + strings.Repeat("x", 32<<10-2) + `"`),
				Meta:  &store.Meta{UID: strings.Repeat("é", 128), UMD: []byte(`"` + strings.Repeat("y", 1022) + `"`)},
			},
			store.Message{
				Event: strings.Repeat("e", 128),
				Data:  []byte(`"` + strings.Repeat("x", 32<<10-2) + `"`),
				Meta:  &store.Meta{UID: strings.Repeat("é", 128), UMD: []byte(`"` + strings.Repeat("y", 1022) + `"`)},
			},
		},
	}
	for _, row := range rows {
		row.p.Channel = "c"
		row.want.Channel = "c"
		row.want.ID = a.publish(row.p).ID
		for _, n := range []*node{a, b} {
			items := n.r.awaitItem("c", row.want.ID)
			got := items[len(items)-1]
			wantEqual(e, row.why, got, &store.Item{
				ID: row.want.ID, Channel: "c", Exclude: row.p.Exclude, Message: &row.want,
			})
			if d := got.Message.Data; (d == nil) != (row.p.Data == nil) {
				e.Errorf("%s: data %q of %q", row.why, d, row.p.Data)
			}
		}
	}
}

func testWatchUnwatch(e *env) {
	a, b := e.join(), e.join()
	early := b.publish(store.PublishRequest{Channel: "c", Event: "before"}).ID
	a.watch("c", "c")
	first := b.publish(store.PublishRequest{Channel: "c", Event: "watched"}).ID
	a.r.awaitItem("c", first)
	a.Unwatch("c")
	a.Unwatch("c")
	a.Unwatch("never watched")
	between := b.publish(store.PublishRequest{Channel: "c", Event: "unwatched"}).ID
	a.watch("c")
	last := b.publish(store.PublishRequest{Channel: "c", Event: "watched again"}).ID
	b.mark("c", a)
	got := idsOf(messages(a.r.delivered("c")))
	if slices.Contains(got, early) {
		e.Error("what was published before Watch was delivered")
	}
	if slices.Contains(got, between) {
		e.Error("what was published after Unwatch was delivered")
	}
	wantEqual(e, "ids delivered", got[:len(got)-1], []ulid.ULID{first, last})
}

// oddChannels are channel names that core lets through and that a store may
// stumble over: hash tags, separators, patterns, long and multi-byte ones.
var oddChannels = []string{
	"{}", "{a}b", "a{b", "}{", "{a}{b}", "/", "a/b", "../a", "a:b", "a|b", "a\\b", "'", "\"", "`$(a)`",
	"%00", "%s", "?", "[a-z]", "é", "👍🏽", "\u202e", "0", "-1", "nil", "__proto__",
	strings.Repeat("x", 256), strings.Repeat("👍", 256), "presence.{}",
}

func testOddChannelNames(e *env) {
	a, b := e.join(), e.join()
	f := a.start()
	a.watch(oddChannels...)
	schedules := make(map[string]ulid.ULID)
	for _, c := range oddChannels {
		b.publish(store.PublishRequest{Channel: c, Event: c, Retention: time.Hour, DedupID: c, DedupFor: time.Minute})
		set := write(c, "1")
		set.Channel = c
		b.set(set)
		b.subscribe(store.SubscribeRequest{
			Channel: c, Connection: "1", UID: c, Presence: true, MaxMembersSize: roomy, Counted: true,
		})
		s := e.publishing(time.Hour, c)
		schedules[c] = s.ID
		b.add(s)
	}
	for _, c := range oddChannels {
		items := a.r.awaitCount(c, 3)
		if m := items[0].Message; m == nil || m.Event != c {
			e.Errorf("%q: the message of another channel came: %+v", c, m)
		}
		if s := items[1].Storage; s == nil || s.Key != c {
			e.Errorf("%q: the entry of another channel came: %+v", c, s)
		}
		if p := items[2].Presence; p == nil || p.Member.UID != c {
			e.Errorf("%q: the member of another channel came: %+v", c, p)
		}
		page := b.history(store.HistoryRequest{Channel: c, Limit: 10})
		if len(page) != 1 || page[0].Event != c || page[0].Channel != c {
			e.Errorf("%q: History: %v", c, page)
		}
		keys, err := b.Keys(e.Context(), store.KeysRequest{Channel: c, Limit: 10})
		if err != nil || len(keys.Keys) != 1 || keys.Keys[0] != c {
			e.Errorf("%q: Keys: %v, %v", c, keys, err)
		}
		list, err := b.Entries(e.Context(), store.EntriesRequest{Channel: c, Keys: keys.Keys, MaxBytes: plenty})
		if err != nil || len(list.Entries) != 1 || list.Entries[0].Key != c || list.Entries[0].Channel != c {
			e.Errorf("%q: Entries: %v, %v", c, list, err)
		}
		wantEqual(e, c, b.info(c), store.ChannelInfo{Count: 1, Members: []store.Member{{UID: c}}})
		pending := a.schedules(store.SchedulesRequest{Channel: c, Limit: 10})
		if len(pending) != 1 || pending[0].ID != schedules[c] {
			e.Errorf("%q: Schedules: %v", c, pending)
			continue
		}
		if err := a.store.Scheduler().Move(e.Context(), pending[0].Group, schedules[c], e.h.Now()); err != nil {
			e.Errorf("%q: Move: %v", c, err)
		}
		b.unsubscribe(c, "1")
	}
	for _, c := range oddChannels {
		if s := f.await(schedules[c]).Schedule; s.Channel() != c {
			e.Errorf("%q: the schedule of %q fired", c, s.Channel())
		}
	}
}

func testMessage(e *env) {
	a, b := e.join(), e.join()
	p := store.PublishRequest{
		Channel: "c", Event: "kept", Data: []byte(`{"a":1}`),
		Meta: &store.Meta{UID: "Jim", UMD: []byte(`"🙂"`)}, Retention: time.Hour, Trace: map[string]string{"k": "v"}, Origin: []byte("o"),
	}
	kept := a.publish(p).ID
	want := &store.Message{
		ID: kept, Channel: "c", Event: "kept", Data: p.Data, Meta: p.Meta, Trace: p.Trace, Origin: p.Origin, Expires: e.h.Now().Add(time.Hour),
	}
	wantEqual(e, "message", b.message("c", kept), want)

	forever := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}).ID
	wantEqual(e, "message kept for ever", b.message("c", forever), &store.Message{ID: forever, Channel: "c", Event: "e"})

	unkept := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	for _, row := range []struct {
		why, channel string
		id           ulid.ULID
	}{
		{"a message that was not kept", "c", unkept},
		{"a message of another channel", "other", kept},
		{"an id that never was", "c", ulid.Make()},
		{"the zero id", "c", ulid.ULID{}},
		{"the greatest id", "c", maxID},
	} {
		if got := b.message(row.channel, row.id); got != nil {
			e.Errorf("%s is in the history: %+v", row.why, got)
		}
	}
}

func testMessageExpires(e *env) {
	a := e.join()
	short := a.publish(store.PublishRequest{Channel: "c", Event: "short", Retention: brief}).ID
	long := a.publish(store.PublishRequest{Channel: "c", Event: "long", Retention: time.Hour}).ID
	e.outliveBrief()
	if got := a.message("c", short); got != nil {
		e.Errorf("an expired message is in the history: %+v", got)
	}
	got := a.history(store.HistoryRequest{Channel: "c", Limit: 10})
	wantEqual(e, "history", idsOf(got), []ulid.ULID{long})
	got = a.historyPage(store.HistoryRequest{Channel: "c", Limit: 1}).Messages
	wantEqual(e, "a page is not shorter for what has expired", idsOf(got), []ulid.ULID{long})
}

func testDedup(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	b.watch("c")
	const each = 8
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		ids   = make(map[ulid.ULID]int)
		first atomic.Int32
	)
	for _, n := range []*node{a, b} {
		for range each {
			wg.Go(func() {
				res, err := n.Publish(e.Context(), store.PublishRequest{
					Channel: "c", Event: "e", DedupID: "same", DedupFor: time.Minute, Retention: time.Hour,
				})
				if err != nil {
					e.Error(err)
					return
				}
				if !res.Duplicate {
					first.Add(1)
				}
				mu.Lock()
				ids[res.ID]++
				mu.Unlock()
			})
		}
	}
	wg.Wait()
	if first.Load() != 1 || len(ids) != 1 {
		e.Errorf("%d publishes of one deduplication id were accepted as the first, with ids %v", first.Load(), ids)
	}
	other := a.publish(store.PublishRequest{Channel: "c", Event: "e", DedupID: "other", DedupFor: time.Minute})
	if other.Duplicate {
		e.Error("another deduplication id is taken for a duplicate")
	}
	elsewhere := a.publish(store.PublishRequest{Channel: "d", Event: "e", DedupID: "same", DedupFor: time.Minute})
	if elsewhere.Duplicate {
		e.Error("the same deduplication id on another channel is taken for a duplicate")
	}
	b.mark("c", a, b)
	for _, n := range []*node{a, b} {
		if got := n.r.delivered("c"); len(got) != 3 {
			e.Errorf("%d items were delivered, want 3", len(got))
		}
	}
	if kept := a.history(store.HistoryRequest{Channel: "c", Limit: 10}); len(kept) != 1 {
		e.Errorf("%d messages are kept, want 1", len(kept))
	}
}

func testDedupExpires(e *env) {
	a := e.join()
	p := store.PublishRequest{Channel: "c", Event: "e", DedupID: "id", DedupFor: brief}
	first := a.publish(p)
	e.outliveBrief()
	second := a.publish(p)
	if second.Duplicate || second.ID == first.ID {
		e.Errorf("a publish after DedupFor is still a duplicate: %+v", second)
	}
	third := a.publish(p)
	wantEqual(e, "a duplicate of the second", third, store.PublishResult{ID: second.ID, Duplicate: true})
}
