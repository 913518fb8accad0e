package storeredis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// An inbox is a Receiver that remembers.
type inbox struct {
	t  *testing.T
	mu sync.Mutex
	// changed is closed and replaced with every call.
	changed chan struct{}
	items   []*store.Item
	lost    int
	rejoins int
	ended   []store.SubscriptionEnd
	removed []store.PresenceChange
	counts  int // calls of CountChanged
	rejoin  func()
}

func newInbox(t *testing.T) *inbox { return &inbox{t: t, changed: make(chan struct{})} }

func (b *inbox) note(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *inbox) Deliver(it *store.Item) {
	b.note(func() {
		if n := len(b.items); n > 0 && b.items[n-1].ID.Compare(it.ID) >= 0 {
			b.t.Errorf("%v was delivered after %v", it.ID, b.items[n-1].ID)
		}
		b.items = append(b.items, it)
	})
}
func (b *inbox) Lost(string)         { b.note(func() { b.lost++ }) }
func (b *inbox) CountChanged(string) { b.note(func() { b.counts++ }) }

func (b *inbox) Rejoin() {
	b.note(func() { b.rejoins++ })
	if b.rejoin != nil {
		b.rejoin()
	}
}

func (b *inbox) SubscriptionEnded(e store.SubscriptionEnd) {
	b.note(func() { b.ended = append(b.ended, e) })
}
func (b *inbox) ConnectionEnded(store.Connection) {}
func (b *inbox) EntryExpired(store.Entry)         {}

func (b *inbox) MemberRemoved(_ string, c store.PresenceChange) {
	b.note(func() { b.removed = append(b.removed, c) })
}

func (b *inbox) Call(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("not answered")
}

// await waits until cond, which is called with b locked, is true.
func (b *inbox) await(what string, limit time.Duration, cond func() bool) {
	b.t.Helper()
	timeout := time.After(limit)
	for {
		b.mu.Lock()
		ok, changed := cond(), b.changed
		b.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			b.t.Fatalf("waited %v for %s", limit, what)
		}
	}
}

func (b *inbox) ids() []ulid.ULID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []ulid.ULID
	for _, it := range b.items {
		out = append(out, it.ID)
	}
	return out
}

// awaitIDs waits until exactly these items have been delivered, in order.
func (b *inbox) awaitIDs(want []ulid.ULID, limit time.Duration) {
	b.t.Helper()
	b.await(fmt.Sprintf("%d items", len(want)), limit, func() bool { return len(b.items) >= len(want) })
	if d := cmp.Diff(want, b.ids()); d != "" {
		b.t.Errorf("delivered (-want +got):\n%s", d)
	}
}
