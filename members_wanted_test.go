package hotsock

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/internal/wstest"
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

// An event has the members after the change, unless their list is longer than lists may
// be: null is not none.
func TestMembersOfEvents(t *testing.T) {
	var got []string
	sink := EventSinkFunc(func(_ context.Context, e Event) error {
		if d, ok := e.Data.(EventMemberData); ok {
			members := "null"
			if d.Members != nil {
				members = fmt.Sprint(len(d.Members))
			}
			got = append(got, d.UID+" "+members)
		}
		return nil
	})
	o := Options{Events: sink, MaxMembersSize: len(`[{"uid":"ann","umd":null},{"uid":"bob","umd":null}]`)}
	inRig(t, o, func(t *testing.T, r *rig) {
		a, b, c := r.connect("ann"), r.connect("bob"), r.connect("cat")
		for _, p := range []*wstest.Conn{a, b, c} {
			until(p, followPresence, "hotsock.subscribed")
		}
		for _, p := range []*wstest.Conn{a, b, c} {
			until(p, leavePresence, "hotsock.unsubscribed")
		}
		synctest.Wait()
		if want := []string{"ann 1", "bob 2", "cat null", "ann 2", "bob 1", "cat 0"}; !slices.Equal(got, want) {
			t.Errorf("members of events %v, want %v", got, want)
		}
	})
}
