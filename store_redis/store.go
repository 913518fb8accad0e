// Package storeredis keeps the state of an installation in Redis, so that any
// number of nodes serve it together.
//
// It works with a single server, with Sentinel and with Redis Cluster, version 6.2
// or later (7.0 or later on a cluster), through a client that the host app makes
// and closes. docs/redis.md describes the keys, the memory that they take, and how
// to set up the servers.
package storeredis

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// Options are settings of a [Store]. The zero value has all the defaults.
type Options struct {
	// KeyPrefix is the beginning of every key and topic. All nodes of an
	// installation have the same; different installations in the same database
	// have different ones. It must not contain braces. Defaults to "hotsock:".
	KeyPrefix string
	// Logger is told what an operator should know: warnings at the start, links
	// lost and replaced, nodes that died. Defaults to none.
	Logger *slog.Logger
}

// A Store keeps state in Redis. It holds no connection and runs no goroutine of
// its own until it is joined. Its methods may be called concurrently.
type Store struct {
	client redis.UniversalClient
	keys   keyspace
	log    *slog.Logger
	names  nameCache
	topo   *topology
	sched  *scheduler
	ops    atomic.Pointer[opsName]
	// waiters has every *waiter that is not in use; not of all stores, as tests have clocks of their own.
	waiters sync.Pool
	// assigned is what a node that was joined has learnt last.
	assigned atomic.Pointer[assigned]
}

var _ store.Store = (*Store)(nil)

// New returns a store that uses the client. The host keeps the client open for as
// long as any node is joined, and closes it afterwards. It must come from
// [redis.NewClient], [redis.NewFailoverClient] (for Sentinel) or
// [redis.NewClusterClient]; New refuses all others, and clients that read from
// replicas. The client should have ContextTimeoutEnabled set, and timeouts of a
// second or two: the store stops waiting by itself, but only the client can give
// up a connection.
func New(client redis.UniversalClient, o Options) (*Store, error) {
	if err := checkClient(client); err != nil {
		return nil, err
	}
	if o.KeyPrefix == "" {
		o.KeyPrefix = "hotsock:"
	}
	database := 0
	if c, ok := client.(*redis.Client); ok {
		database = c.Options().DB
	}
	keys, err := newKeyspace(o.KeyPrefix, database)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{client: client, keys: keys, log: o.Logger, topo: newTopology(client, keys, o.Logger)}
	s.sched = &scheduler{s: s}
	return s, nil
}

// Scheduler returns the scheduler that keeps its entries in the same Redis.
func (s *Store) Scheduler() store.Scheduler { return s.sched }
