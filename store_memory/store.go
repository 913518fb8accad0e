// Package storememory keeps the state of a hotsock installation in the memory
// of one process: for a server that is a single process, for development and
// for tests.
//
// Handlers that were given the same [Store] are nodes of one installation, as
// processes that share a database would be. Everything that package store
// promises holds among them, proved by package storetest.
//
// # What is lost with the process
//
// Everything: kept messages and the replay log, reactions, storage, presence,
// pending schedules, deduplication ids, and which single-use tokens have been used.
// A token that was used before a restart can be used again after it until it
// expires. Clients that reconnect after a restart and name the last message that
// they saw are told that what they missed could not be recovered; nothing is
// skipped silently.
//
// # What it costs
//
// A channel exists for as long as it has anything: a watcher, a subscription, a
// kept message, an entry, an item within the replay window. What has expired is
// never returned, and its memory is freed within a second while any node is
// joined. The store does not bound how much is kept; the host app does, by the
// permissions that it grants and by hotsock's limits.
//
// The store uses the wall clock. Setting it back delays schedules and expiry, but
// the ids of a channel never go back.
package storememory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A Store is the shared state of the nodes that join it. It is safe for concurrent
// use and need not be closed: it starts goroutines only for its nodes, and they end
// when the nodes leave.
type Store struct {
	seed      maphash.Seed
	shards    [shardCount]shard
	tokens    tokens
	scheduler *scheduler
	// options are those of the latest Join.
	options atomic.Pointer[store.JoinOptions]

	mu sync.Mutex
	// nodes that joined and neither left nor were buried.
	nodes map[string]*node
}

var _ store.Store = (*Store)(nil)

// New returns a store that holds nothing.
func New() *Store {
	s := &Store{seed: maphash.MakeSeed(), nodes: make(map[string]*node)}
	s.scheduler = newScheduler(s)
	return s
}

// Join implements [store.Store]. It fails only if ctx has ended. The options
// of the latest call hold for all nodes.
func (s *Store) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // Never fails.
	n := &node{id: base64.RawURLEncoding.EncodeToString(id[:]), store: s, receiver: r, maxListed: o.MaxListedSize}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	s.options.Store(&o)
	s.mu.Lock()
	s.nodes[n.id] = n
	s.mu.Unlock()
	n.sweeper.Go(n.sweepUntilGone)
	return n, nil
}

// Scheduler implements [store.Store]. Schedules accepted while no node has
// started it wait for one that does.
func (s *Store) Scheduler() store.Scheduler { return s.scheduler }

// clock returns the time by the store's clock: wall time, without the
// monotonic reading that would make comparisons ignore a change of it.
func clock() time.Time { return time.Now().Round(0).UTC() }

// canceled returns an error if nobody wants the result any more. A deadline that
// has passed is none: there is nothing to wait for here, so a busy machine alone
// has made it pass, and the result is there at once.
func canceled(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error {
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
