package storetest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A recorder is a Receiver that remembers what it was called with, and fails
// the test when the store breaks a rule that holds for every call: items of a
// channel in id order, each once, one call at a time.
type recorder struct {
	e      *env
	number int

	mu sync.Mutex
	// answer is what Call does.
	answer func(ctx context.Context, request []byte) ([]byte, error)
	// changed is closed and replaced whenever something was recorded.
	changed chan struct{}
	busy    map[string]bool
	items   map[string][]*store.Item
	counts  map[string]int // calls of CountChanged
	ended   []store.SubscriptionEnd
	removed []store.PresenceChange
	closed  []store.Connection
	expired []store.Entry
	gone    bool
}

func newRecorder(e *env, number int) *recorder {
	return &recorder{
		e: e, number: number,
		changed: make(chan struct{}),
		busy:    make(map[string]bool),
		items:   make(map[string][]*store.Item),
		counts:  make(map[string]int),
	}
}

func (r *recorder) Deliver(item *store.Item) {
	r.record(item.Channel, func() {
		before := r.items[item.Channel]
		if len(before) > 0 && before[len(before)-1].ID.Compare(item.ID) >= 0 {
			r.e.Errorf("node %d: item %v of %q came after %v", r.number, item.ID, item.Channel, before[len(before)-1].ID)
		}
		r.checkItem(item)
		r.items[item.Channel] = append(before, item)
	})
}

func (r *recorder) checkItem(item *store.Item) {
	kinds := 0
	if m := item.Message; m != nil {
		kinds++
		if m.ID != item.ID || m.Channel != item.Channel {
			r.e.Errorf("node %d: message %v of %q in item %v of %q", r.number, m.ID, m.Channel, item.ID, item.Channel)
		}
	}
	if item.Presence != nil {
		kinds++
	}
	if s := item.Storage; s != nil {
		kinds++
		if s.ID != item.ID || s.Channel != item.Channel {
			r.e.Errorf("node %d: entry %v of %q in item %v of %q", r.number, s.ID, s.Channel, item.ID, item.Channel)
		}
	}
	if kinds != 1 {
		r.e.Errorf("node %d: item %v of %q is of %d kinds", r.number, item.ID, item.Channel, kinds)
	}
}

func (r *recorder) Lost(channel string) {
	r.record(channel, func() { r.e.Errorf("node %d: items of %q were lost", r.number, channel) })
}

func (r *recorder) CountChanged(channel string) {
	r.record(channel, func() { r.counts[channel]++ })
}

func (r *recorder) Rejoin() {
	r.record("", func() { r.e.Errorf("node %d: had to rejoin", r.number) })
}

func (r *recorder) SubscriptionEnded(s store.SubscriptionEnd) {
	r.record(s.Channel, func() { r.ended = append(r.ended, s) })
}

func (r *recorder) MemberRemoved(channel string, c store.PresenceChange) {
	r.record(channel, func() { r.removed = append(r.removed, c) })
}

func (r *recorder) ConnectionEnded(c store.Connection) {
	r.record("", func() { r.closed = append(r.closed, c) })
}

func (r *recorder) EntryExpired(e store.Entry) {
	r.record(e.Channel, func() { r.expired = append(r.expired, e) })
}

func (r *recorder) Call(ctx context.Context, request []byte) ([]byte, error) {
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	if answer == nil {
		return nil, errors.New("this node answers no calls")
	}
	return answer(ctx, request)
}

func (r *recorder) setAnswer(answer func(ctx context.Context, request []byte) ([]byte, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// record notes one call that concerns a channel, "" for none in particular.
func (r *recorder) record(channel string, note func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if channel != "" {
		if r.busy[channel] {
			r.e.Errorf("node %d: two calls at a time for channel %q", r.number, channel)
		}
		r.busy[channel] = true
		r.mu.Unlock()
		runtime.Gosched() // Lets another call come, if the store makes one.
		r.mu.Lock()
		r.busy[channel] = false
	}
	if r.gone {
		return
	}
	note()
	close(r.changed)
	r.changed = make(chan struct{})
}

// die makes the recorder deaf, since its node is about to be killed.
func (r *recorder) die() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
}

func (r *recorder) dead() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

// await waits until cond is true. cond is called with r locked.
func (r *recorder) await(what string, cond func() bool) {
	r.e.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		ok, changed := cond(), r.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			r.e.Fatalf("node %d: waited for %s for %v", r.number, what, patience)
		}
	}
}

// awaitItem waits for an item and returns all that came until then, it
// included.
func (r *recorder) awaitItem(channel string, id ulid.ULID) []*store.Item {
	r.e.Helper()
	var got []*store.Item
	r.await("item "+id.String()+" of "+channel, func() bool {
		items := r.items[channel]
		i := slices.IndexFunc(items, func(it *store.Item) bool { return it.ID == id })
		got = slices.Clone(items[:i+1])
		return i >= 0
	})
	return got
}

// awaitCount waits until n items of a channel have come, and returns them.
func (r *recorder) awaitCount(channel string, n int) []*store.Item {
	r.e.Helper()
	var got []*store.Item
	r.await("items of "+channel, func() bool {
		got = slices.Clone(r.items[channel])
		return len(got) >= n
	})
	return got
}

// delivered returns the items of a channel that have come until now.
func (r *recorder) delivered(channel string) []*store.Item {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.items[channel])
}

// reports returns how many ends of another node's subscriptions and
// connections, and of members' graces, were reported.
func (r *recorder) reports() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ended) + len(r.closed) + len(r.removed)
}

// messages returns the messages among items.
func messages(items []*store.Item) []*store.Message {
	var out []*store.Message
	for _, it := range items {
		if it.Message != nil {
			out = append(out, it.Message)
		}
	}
	return out
}

// idsOf returns the ids of messages.
func idsOf(messages []*store.Message) []ulid.ULID {
	var out []ulid.ULID
	for _, m := range messages {
		out = append(out, m.ID)
	}
	return out
}
