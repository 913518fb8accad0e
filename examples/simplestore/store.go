// Package simplestore is a whole store for one process, in as few lines as that
// takes: a mutex, and a map of channels. The guide docs/writing-a-store.md builds it
// step by step, and it passes all of package storetest.
//
// It is there to be read. To keep state in memory, use package storememory, which
// does the same for many cores and channels.
package simplestore

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A Store is the state of an installation whose nodes are in this process. It is
// safe for concurrent use.
type Store struct {
	// mu guards all that follows, and all that the nodes and channels have. A
	// step of the contract is what happens while it is held.
	mu       sync.Mutex
	options  store.JoinOptions // of the latest Join
	nodes    map[string]*node
	channels map[string]*channel
	// floor is not less than any id of a channel that was forgotten.
	floor     ulid.ULID
	tokens    map[string]time.Time // until when they stay used
	scheduler *scheduler
}

// New returns an empty store.
func New() *Store {
	s := &Store{nodes: make(map[string]*node), channels: make(map[string]*channel), tokens: make(map[string]time.Time)}
	s.scheduler = newScheduler(s)
	return s
}

// Join implements [store.Store].
func (s *Store) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	if err := unavailable(ctx.Err()); err != nil {
		return nil, err
	}
	n := &node{id: rand.Text()[:22], store: s, receiver: r, maxListed: o.MaxListedSize, connections: make(map[string]store.Connection)}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options = o
	n.join()
	n.tasks.Go(n.run)
	return n, nil
}

// Scheduler implements [store.Store].
func (s *Store) Scheduler() store.Scheduler { return s.scheduler }

// unavailable makes an error one that says that nothing was changed.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// channel returns a channel, which it makes if need be. The sweep forgets those
// that have nothing.
func (s *Store) channel(name string) *channel {
	c := s.channels[name]
	if c == nil {
		c = &channel{
			name: name, store: s, last: s.floor,
			watchers:      make(map[*node]bool),
			countWatchers: make(map[*node]bool),
			subscriptions: make(map[string]*subscription),
			entries:       make(map[string]*entry),
			duplicates:    make(map[string]duplicate),
		}
		s.channels[name] = c
	}
	return c
}
