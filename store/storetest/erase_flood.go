package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A flood is what one node does to a channel while another one erases it: it publishes,
// kept and not, reacts, edits, and publishes again what it has published.
type flood struct {
	n *node
	// begun and freed are closed when the erasure is that far.
	begun, freed <-chan struct{}

	sent   []sent
	failed error
}

// A sent is a message of a flood.
type sent struct {
	id      ulid.ULID
	dedup   string
	deleted bool
}

func (f *flood) publish(dedup string) store.PublishResult {
	p := store.PublishRequest{Channel: "c", Event: dedup, Retention: time.Hour, DedupID: dedup, DedupFor: time.Hour}
	res, err := f.n.Publish(f.n.e.Context(), p)
	f.failed = errors.Join(f.failed, err)
	return res
}

func (f *flood) run() {
	fails := func(err error) {
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			f.failed = errors.Join(f.failed, err)
		}
	}
	for i := 0; i < 80 && f.failed == nil; i++ {
		switch i {
		case 40:
			<-f.begun
		case 70:
			<-f.freed
		}
		s := sent{dedup: fmt.Sprintf("%d-%d", f.n.r.number, i)}
		s.id = f.publish(s.dedup).ID
		_, err := f.n.Publish(f.n.e.Context(), store.PublishRequest{Channel: "c", Event: "not kept"})
		fails(err)
		// What is erased meanwhile is not found.
		_, err = f.n.React(f.n.e.Context(), reactionTo(s.id, "Jim", "x", false))
		fails(err)
		switch i % 5 {
		case 1:
			_, err = f.n.Edit(f.n.e.Context(), updateOf(s.id, `"new"`))
			fails(err)
		case 3:
			_, err = f.n.Edit(f.n.e.Context(), deletionOf(s.id))
			fails(err)
			s.deleted = true
		}
		f.sent = append(f.sent, s)
		if old := f.sent[i/2]; f.publish(old.dedup).ID != old.id {
			f.n.e.Errorf("what was published as %v is published again", old.id)
		}
	}
}

// testEraseWhileFlooded: of what two nodes do to a channel all the time, nothing from
// before the end of an erasure comes back, by whatever way; and what is after it is there.
func testEraseWhileFlooded(e *env) {
	a, b, other := e.join(), e.join(), e.join()
	other.watch("c")
	first := a.publish(store.PublishRequest{Channel: "c", Event: "first", Retention: time.Hour}).ID
	a.react(reactionTo(first, "Jim", "x", false))
	erased, emptied := make(chan struct{}), make(chan struct{})
	begin, freed := sync.OnceFunc(func() { close(erased) }), sync.OnceFunc(func() { close(emptied) })
	defer freed() // also if the test fails before
	defer begin()
	floods := []*flood{{n: a, begun: erased, freed: emptied}, {n: b, begun: erased, freed: emptied}}
	var running sync.WaitGroup
	for _, f := range floods {
		running.Go(f.run)
	}
	other.r.awaitCount("c", 30)

	begun := other.erase(store.EraseRequest{})
	begin()
	none := func(why string) {
		e.Helper()
		for _, reverse := range []bool{false, true} {
			for _, m := range a.history(store.HistoryRequest{Channel: "c", Limit: 1000, Reverse: reverse}) {
				if m.ID.Compare(begun.Until) <= 0 {
					e.Errorf("%s: %v is in the history (reversed: %t)", why, m.ID, reverse)
				}
			}
		}
		b.wantNoReplay(why, first)
		b.wantNoReplay(why, predecessor(begun.Until))
		if len(b.reactions(first)) > 0 {
			e.Errorf("%s: an erased message has reactions", why)
		}
		_, err := a.React(e.Context(), reactionTo(first, "Pam", "y", false))
		e.wantErr(why+": a reaction", err, store.ErrNotFound)
		_, err = a.Edit(e.Context(), updateOf(first, `"back"`))
		e.wantErr(why+": an edit", err, store.ErrNotFound)
	}
	none("while what is erased is there")
	other.free(begun)
	none("when it is freed")
	freed()
	running.Wait()
	for _, f := range floods {
		if f.failed != nil {
			e.Fatalf("node %d: %v", f.n.r.number, f.failed)
		}
	}
	none("in the end")

	kept, gone := make(map[ulid.ULID]bool), 0
	for _, f := range floods {
		for _, s := range f.sent {
			isErased := s.id.Compare(begun.Until) <= 0
			if isErased {
				gone++
			}
			if !isErased && !s.deleted {
				kept[s.id] = true
			}
			if res := f.publish(s.dedup); !res.Duplicate || res.ID != s.id {
				e.Errorf("a retry: %+v, want a duplicate of %v", res, s.id)
			}
		}
	}
	if gone == 0 || len(kept) == 0 {
		e.Fatalf("%d messages are erased, and %d kept: that shows nothing", gone, len(kept))
	}
	history := a.history(store.HistoryRequest{Channel: "c", Limit: 1000})
	for _, m := range history {
		if !kept[m.ID] {
			e.Errorf("%v is in the history", m.ID)
		}
		if got := b.reactions(m.ID); len(got[m.ID]) != 1 {
			e.Errorf("%v has %d reactions, want 1", m.ID, len(got[m.ID]))
		}
	}
	if len(history) != len(kept) {
		e.Errorf("%d messages are in the history, want %d", len(history), len(kept))
	}
	a.mark("c", other)
	page := b.replay(store.ReplayRequest{Channel: "c", After: begun.Until, Until: maxID, Limit: 1000})
	if !page.Complete || len(page.Messages) < len(kept) {
		e.Errorf("a replay from the end: complete: %t, %d messages", page.Complete, len(page.Messages))
	}
}
