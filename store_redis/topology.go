package storeredis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A topology knows which server is the master of each partition, and has a lane
// for each server. For anything but a cluster there is one server, called "".
type topology struct {
	client  redis.UniversalClient
	cluster *redis.ClusterClient // nil if it is none
	keys    keyspace

	mu    sync.RWMutex
	owner [partitions]string // "" if not known
	lanes map[string]*lane
	// anySlot is true if the keys of one script may be in different slots.
	anySlot bool
	// asked is when the client was made to ask who is master.
	asked time.Time
}

// askEvery bounds how often the servers of a cluster are asked who is master.
const askEvery = 200 * time.Millisecond

func newTopology(client redis.UniversalClient, keys keyspace) *topology {
	t := &topology{client: client, keys: keys, lanes: make(map[string]*lane)}
	// A client for Sentinel may be a ClusterClient too, but its servers are no
	// cluster; Join finds that out.
	t.cluster, _ = client.(*redis.ClusterClient)
	return t
}

// notCluster says that the servers are no cluster, whatever the client is.
func (t *topology) notCluster() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cluster = nil
}

// allowAnySlot says that the keys of one script may be in different slots.
func (t *topology) allowAnySlot() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.anySlot = true
}

// bySlot reports whether the keys of one script must be in the same slot.
func (t *topology) bySlot() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return !t.anySlot
}

// clusterClient is nil if the servers are no cluster.
func (t *topology) clusterClient() *redis.ClusterClient {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.cluster
}

// lane returns the lane to the master of a partition.
func (t *topology) lane(ctx context.Context, p int) (*lane, error) {
	addr, err := t.master(ctx, p)
	if err != nil {
		return nil, err
	}
	t.mu.RLock()
	l := t.lanes[addr]
	t.mu.RUnlock()
	if l != nil {
		return l, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l = t.lanes[addr]; l == nil {
		l = &lane{client: t.client}
		t.lanes[addr] = l
	}
	return l, nil
}

// master returns the address of a partition's master.
func (t *topology) master(ctx context.Context, p int) (string, error) {
	t.mu.RLock()
	cluster, addr := t.cluster, t.owner[p]
	t.mu.RUnlock()
	if cluster == nil || addr != "" {
		return addr, nil
	}
	c, err := cluster.MasterForKey(ctx, t.keys.part[p])
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
	t.mu.RLock()
	cluster := t.cluster
	t.mu.RUnlock()
	if cluster == nil {
		return t.client, nil
	}
	return cluster.MasterForKey(ctx, t.keys.part[p])
}

// forget makes the master of a partition be looked up again, and the client
// ask the servers again who is master of what: it does so by itself only when
// a server tells it to, which a dead one does not.
func (t *topology) forget(ctx context.Context, p int) {
	t.mu.Lock()
	t.owner[p] = ""
	cluster := t.cluster
	ask := cluster != nil && time.Since(t.asked) > askEvery
	if ask {
		t.asked = time.Now()
	}
	t.mu.Unlock()
	if ask {
		cluster.ReloadState(ctx)
	}
}
