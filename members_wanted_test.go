package hotsock

import (
	"context"
	"testing"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// A joinedStore remembers how it was joined.
type joinedStore struct {
	store.Store
	options store.JoinOptions
}

func (s *joinedStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	s.options = o
	return s.Store.Join(ctx, r, o)
}

// Only backend events tell of all members after a change.
func TestMembersAreWantedForEvents(t *testing.T) {
	for sink, omit := range map[EventSink]bool{nil: true, new(recorder): false} {
		s := &joinedStore{Store: storememory.New()}
		h, err := New(Options{Store: s, Events: sink, Keys: []Key{tokenHS256.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		if s.options.OmitMembers != omit {
			t.Errorf("with the sink %v, members are omitted: %v", sink, s.options.OmitMembers)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}
