package storeredis

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A topology knows which server is the master of each partition, and has a pipeliner
// for each server. For anything but a cluster there is one server, called "".
type topology struct {
	client  redis.UniversalClient
	cluster *redis.ClusterClient // nil if it is none
	// identity is of the one server, nil if it is a cluster.
	identity *identity
	keys     keyspace

	mu         sync.RWMutex
	owner      [partitions]string // "" if not known
	pipeliners map[string]*pipeliner
	// asked is when the client was made to ask who is master.
	asked time.Time
}

// askEvery bounds how often the servers of a cluster are asked who is master.
const askEvery = 200 * time.Millisecond

func newTopology(client redis.UniversalClient, keys keyspace, log *slog.Logger) *topology {
	t := &topology{client: client, keys: keys, pipeliners: make(map[string]*pipeliner)}
	switch c := client.(type) {
	case *redis.ClusterClient:
		t.cluster = c
	case *redis.Client:
		t.identity = newIdentity(c, keys.control("look."), log)
	}
	return t
}

// bySlot reports whether the keys of one script must be in the same slot.
func (t *topology) bySlot() bool { return t.cluster != nil }

// pipeliner returns the pipeliner to the master of a partition.
func (t *topology) pipeliner(ctx context.Context, p int) (*pipeliner, error) {
	addr, err := t.master(ctx, p)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	pl := t.pipeliners[addr]
	t.mu.RUnlock()
	if pl != nil {
		return pl, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if pl = t.pipeliners[addr]; pl == nil {
		pl = newPipeliner(t.client, t.identity)
		t.pipeliners[addr] = pl
	}
	return pl, nil
}

// master returns the address of a partition's master.
func (t *topology) master(ctx context.Context, p int) (string, error) {
	t.mu.RLock()
	addr := t.owner[p]
	t.mu.RUnlock()
	if t.cluster == nil || addr != "" {
		return addr, nil
	}
	c, err := t.cluster.MasterForKey(ctx, t.keys.part[p])
	if err != nil {
		return "", err
	}
	addr = c.Options().Addr
	t.mu.Lock()
	t.owner[p] = addr
	t.mu.Unlock()
	return addr, nil
}

// node returns a client for a partition's master alone.
func (t *topology) node(ctx context.Context, p int) (redis.UniversalClient, error) {
	if t.cluster == nil {
		return t.client, nil
	}
	return t.cluster.MasterForKey(ctx, t.keys.part[p])
}

// forget makes the master of a partition be looked up again, and the client
// ask the servers again who is master of what: it does so by itself only when
// a server tells it to, which a dead one does not.
func (t *topology) forget(ctx context.Context, p int) {
	t.mu.Lock()
	t.owner[p] = ""
	ask := t.cluster != nil && time.Since(t.asked) > askEvery
	if ask {
		t.asked = time.Now()
	}
	t.mu.Unlock()
	if ask {
		t.cluster.ReloadState(ctx)
	}
}

// A masterSlots bounds how much of something is under way at each master, so that
// one which does not answer holds up nothing at the others.
type masterSlots struct {
	topo  *topology
	limit int

	mu    sync.Mutex
	slots map[string]chan struct{} // by address
}

func newMasterSlots(topo *topology, limit int) *masterSlots {
	return &masterSlots{topo: topo, limit: limit, slots: make(map[string]chan struct{})}
}

// take waits for a slot at the master of a partition, and returns a function that
// gives it back; nil if the context ends first.
func (m *masterSlots) take(ctx context.Context, p int) (release func()) {
	addr, _ := m.topo.master(ctx, p) // Those whose master is not known share slots.
	m.mu.Lock()
	slots := m.slots[addr]
	if slots == nil {
		slots = make(chan struct{}, m.limit)
		m.slots[addr] = slots
	}
	m.mu.Unlock()
	select {
	case slots <- struct{}{}:
		return func() { <-slots }
	case <-ctx.Done():
		return nil
	}
}
