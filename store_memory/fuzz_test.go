package storememory

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// FuzzMessages takes a channel through a life of publishes, writes and passing
// time that the input describes, and compares history and replay with a list
// of all that ever happened.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05\x06\x07"))
	f.Add([]byte("\x01\x02\x03\x14\x55\x06\x17\x28\x04\x45\x06\x07"))
	f.Add([]byte("\x00\x01\x02\x03\x04\x00\x01\x02\x03\x04\x74\x06\x06\x16\x26\x36\x46\x56\x66\x07\x17\x27\x37"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 500 {
			return
		}
		life := newLife()
		for _, b := range script {
			life.step(t, int(b&7), int(b>>3))
		}
	})
}

// A life is a channel and the plain record of what it went through.
type life struct {
	channel *channel
	options store.JoinOptions
	now     time.Time
	items   []lived
}

type lived struct {
	id      ulid.ULID
	at      time.Time
	message bool
	keep    time.Duration
}

func newLife() *life {
	l := &life{
		options: store.JoinOptions{ReplayWindow: 10 * time.Second, ReplayLimit: 4, NodeTimeout: time.Minute},
		now:     time.UnixMilli(1_700_000_000_000).UTC(),
	}
	s := New()
	s.options.Store(&l.options)
	l.channel = s.lock("c")
	l.channel.mu.Unlock()
	return l
}

func (l *life) step(t *testing.T, op, arg int) {
	t.Helper()
	c := l.channel
	switch op {
	case 0, 1, 2, 3:
		keep := []time.Duration{0, 5 * time.Second, 30 * time.Second, store.Forever}[op]
		id := c.publish(l.now, &store.PublishRequest{Channel: "c", Event: "e", Retention: keep}).ID
		l.items = append(l.items, lived{id, l.now, true, keep})
	case 4:
		id := c.assign(l.now)
		c.announce(&store.Item{ID: id, Channel: "c", Storage: &store.Entry{ID: id}})
		l.items = append(l.items, lived{id, l.now, false, 0})
	case 5:
		// Times that are no multiples of the others: ids then are not old to
		// the millisecond.
		l.now = l.now.Add(time.Duration(arg*arg) * 101 * time.Millisecond)
		if arg%2 == 0 {
			c.expire(l.now, nil)
		}
	case 6:
		l.checkReplay(t, arg)
	case 7:
		l.checkHistory(t, arg)
	}
	c.setWake()
}

// pick returns the id of an item, counted from the newest, or one of none.
func (l *life) pick(n int) ulid.ULID {
	if n < len(l.items) {
		return l.items[len(l.items)-1-n].id
	}
	return nextID(l.channel.last, l.now)
}

func (l *life) kept(x lived) bool {
	return x.message && (x.keep == store.Forever || (x.keep > 0 && l.now.Before(x.at.Add(x.keep))))
}

func (l *life) checkReplay(t *testing.T, arg int) {
	t.Helper()
	after, until, limit := l.pick(arg), l.pick(arg%3), 1+arg%7
	c := l.channel
	c.log().expire(l.now, l.options.ReplayWindow)
	size := (&store.Message{Channel: c.name, Event: "e"}).Size()
	maxBytes := (1 + arg%11) * size
	limit = min(limit, maxBytes/size)
	var got []ulid.ULID
	more := false
	complete := c.knows(after) && c.log().discarded.Compare(after) <= 0
	if complete {
		p := c.replay(store.ReplayRequest{After: after, Until: until, Limit: limit, MaxBytes: maxBytes}, l.now)
		more = p.more
		for _, m := range p.messages {
			got = append(got, m.ID)
		}
	}

	// What the contract says must be in it, and whether it must be complete.
	var want []ulid.ULID
	known, owed, recent, marks := false, true, 0, 0
	for i, x := range slices.Backward(l.items) {
		short := x.message && x.keep != store.Forever && x.keep <= l.options.ReplayWindow
		held := l.now.Before(x.at.Add(l.options.ReplayWindow))
		switch {
		case short:
			recent++
			held = held && recent <= l.options.ReplayLimit
		case !x.message:
			marks++
			held = held && marks <= l.options.ReplayLimit
		default:
			held = l.kept(x)
		}
		if x.id == after {
			known = true
			owed = owed && (held || i == len(l.items)-1)
			break
		}
		if short && !held {
			owed = false
		}
		if x.message && (short || l.kept(x)) && x.id.Compare(until) <= 0 {
			want = append([]ulid.ULID{x.id}, want...)
		}
	}
	switch {
	case complete && !known:
		t.Fatalf("a replay after %v, which is not an item, is said to be complete", after)
	case complete && more != (len(want) > limit):
		t.Fatalf("a replay of %d messages of %d has more: %v", len(got), len(want), more)
	case complete && !cmp.Equal(got, want[:min(len(want), limit)], cmpopts.EquateEmpty()):
		t.Fatalf("a replay after %v: (-want +got)\n%s", after, cmp.Diff(want, got))
	case !complete && known && owed:
		t.Fatalf("a replay of %d messages is refused", len(want))
	}
}

func (l *life) checkHistory(t *testing.T, arg int) {
	t.Helper()
	h := store.HistoryRequest{Reverse: arg%2 == 1, Limit: 1 + arg%5, MaxBytes: 1 << 20}
	if arg%3 > 0 {
		h.After = l.pick(arg)
	}
	if arg%4 > 1 {
		h.Before = l.pick(arg % 5)
	}
	var want []ulid.ULID
	for i := range l.items {
		x := l.items[i]
		if h.Reverse {
			x = l.items[len(l.items)-1-i]
		}
		if l.kept(x) && x.id.Compare(h.After) > 0 && (h.Before.IsZero() || x.id.Compare(h.Before) < 0) {
			want = append(want, x.id)
		}
		if m := l.channel.has().kept.find(x.id, l.now); (m != nil) != l.kept(x) {
			t.Fatalf("message %v is found: %v; kept: %v", x.id, m != nil, l.kept(x))
		}
	}
	var got []ulid.ULID
	p := l.channel.has().kept.page(h, l.now)
	for _, m := range p.Messages {
		got = append(got, m.ID)
	}
	if p.More != (len(want) > h.Limit) {
		t.Fatalf("a page of %d messages of %d has more: %v", len(got), len(want), p.More)
	}
	if want = want[:min(len(want), h.Limit)]; !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
		t.Fatalf("history of %+v: (-want +got)\n%s", h, cmp.Diff(want, got))
	}
}
