package hotsock

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hotsock-go/hotsock/store"
)

// afterGet has something done when the store has read entries, and before the
// handler gets it: one function for each read, in turn, which returns what the
// handler gets.
func (s *faultyStore) afterGet(f ...func([]*store.Entry) []*store.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.afterGets = f
}

func (n *faultyNode) Tallies(ctx context.Context, t store.TalliesRequest) ([]store.Tally, error) {
	if err := n.s.err(nil, ""); err != nil {
		return nil, err
	}
	return n.Node.Tallies(ctx, t)
}

func (n *faultyNode) Reactions(ctx context.Context, l store.ReactionsRequest) (store.ReactionsResult, error) {
	if err := n.s.err(nil, ""); err != nil {
		return store.ReactionsResult{}, err
	}
	return n.Node.Reactions(ctx, l)
}

func (n *faultyNode) Keys(ctx context.Context, k store.KeysRequest) (store.KeysResult, error) {
	if err := n.s.err(nil, k.Channel); err != nil {
		return store.KeysResult{}, err
	}
	return n.Node.Keys(ctx, k)
}

func (n *faultyNode) Entries(ctx context.Context, e store.EntriesRequest) (store.EntriesResult, error) {
	if err := n.s.err(nil, ""); err != nil {
		return store.EntriesResult{}, err
	}
	page, err := n.Node.Entries(ctx, e)
	n.s.mu.Lock()
	var f func([]*store.Entry) []*store.Entry
	if len(n.s.afterGets) > 0 {
		f, n.s.afterGets = n.s.afterGets[0], n.s.afterGets[1:]
	}
	n.s.mu.Unlock()
	if f != nil {
		page.Entries = f(page.Entries)
	}
	return page, err
}

// While the answer to a read is on its way, the entry changes, and the client,
// which observes it too, is sent that first. It must not be answered with what is
// older.
func TestReadWhileDelivered(t *testing.T) {
	const key = "k"
	for _, tt := range []struct {
		why    string
		before any   // stored at first, nil for nothing
		during []any // written during each read
		stale  bool  // the store finds nothing each time
		sent   []any // updates, in their order
		answer any
	}{
		{"nothing meanwhile", 1.0, nil, false, nil, 1.0},
		{"a newer value", 1.0, []any{2.0}, false, []any{2.0}, 2.0},
		{"cleared", 1.0, []any{nil}, false, []any{nil}, nil},
		{"the first value, so that it is read again", nil, []any{2.0}, false, []any{2.0}, 2.0},
		{"the first value, and cleared when it is read again", nil, []any{2.0, nil}, false, []any{2.0, nil}, nil},
		{"a value that the store does not find", nil, []any{2.0, 3.0, 4.0, 5.0, 6.0, 7.0}, true, []any{2.0, 3.0, 4.0, 5.0}, 5.0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				write := func(value any) {
					t.Helper()
					if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "c", Key: key, Data: value}); err != nil {
						t.Error(err)
					}
				}
				p := r.connect("Jim")
				p.Subscribe("c")
				if tt.before != nil {
					write(tt.before)
					p.Expect("hotsock.channelStorageUpdated")
				}
				var during []func([]*store.Entry) []*store.Entry
				for _, value := range tt.during {
					during = append(during, func(found []*store.Entry) []*store.Entry {
						write(value)
						if tt.stale {
							return nil
						}
						return found
					})
				}
				r.s.afterGet(during...)
				p.Send(fmt.Sprintf(`{"event":"hotsock.channelStorageGet","channel":"c","key":%q}`, key))
				for i, want := range tt.sent {
					if got := p.Expect("hotsock.channelStorageUpdated").Value(); got != want {
						t.Errorf("update %d is %v, want %v", i, got, want)
					}
				}
				if got := p.Expect("hotsock.channelStorageData").Value(); got != tt.answer {
					t.Errorf("the answer is %v, want %v", got, tt.answer)
				}
			})
		})
	}
}

// What reads from the store fails while it is away, and says so.
func TestReadsWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		id := r.publish("c", "e", 1, Forever)
		r.s.setDown(true)
		ctx := t.Context()
		for what, read := range map[string]func() error{
			"History":    func() error { _, err := r.h.History(ctx, HistoryQuery{Channel: "c"}); return err },
			"Reactions":  func() error { _, err := r.h.Reactions(ctx, ReactionsQuery{Channel: "c", MessageID: id}); return err },
			"Storage":    func() error { _, err := r.h.Storage(ctx, StorageQuery{Channel: "c"}); return err },
			"Storage of": func() error { _, err := r.h.Storage(ctx, StorageQuery{Channel: "c", Keys: []string{"k"}}); return err },
		} {
			var e *Error
			if err := read(); !errors.As(err, &e) || e.Code != CodeUnavailable {
				t.Errorf("%s: error %v, want UNAVAILABLE", what, err)
			}
		}
	})
}
