package storememory

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// dead says whether the node is gone and has been missed for long enough.
// Store.mu must be held.
func (n *node) dead(now time.Time) bool { return due(n.dies, now) }

// Peers implements [store.Peers].
func (n *node) Peers(ctx context.Context) ([]string, error) {
	if err := n.usable(ctx); err != nil {
		return nil, err
	}
	s := n.store
	now := clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.nodes))
	for id, n := range s.nodes {
		if !n.dead(now) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// peer returns a living node, or nil.
func (s *Store) peer(id string) *node {
	now := clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[id]; n != nil && !n.dead(now) {
		return n
	}
	return nil
}

// Call implements [store.Peers]. The Receiver's Call gets a context that ends
// with ctx and with the membership of its node.
func (n *node) Call(ctx context.Context, id string, request []byte) ([]byte, error) {
	if err := n.usable(ctx); err != nil {
		return nil, err
	}
	peer := n.store.peer(id)
	if peer == nil {
		return nil, store.ErrNoPeer
	}
	type answer struct {
		response []byte
		err      error
	}
	answered := make(chan answer, 1)
	started := peer.start(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(peer.ctx, cancel)()
		response, err := peer.receiver.Call(ctx, request)
		answered <- answer{response, err}
	})
	if !started {
		return nil, errGone
	}
	select {
	case a := <-answered:
		if a.err != nil {
			return nil, unavailable(a.err)
		}
		return a.response, nil
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}
