package hotsock

import (
	"context"
	"testing"

	"github.com/hotsock-go/hotsock/internal/wire"
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
	for sink, want := range map[EventSink]int{nil: 0, new(recorder): wire.MaxMemberSizes(1000)} {
		s := &joinedStore{Store: storememory.New()}
		h, err := New(Options{Store: s, Events: sink, MaxMembersSize: 1000, Keys: []Key{tokenHS256.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.options.MaxListedSize; got != want {
			t.Errorf("with the sink %v, members are listed up to %d, want %d", sink, got, want)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}
