package redistest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// masters is how many masters a cluster has; each has one replica.
const masters = 3

// slots is how many hash slots a cluster has.
const slots = 16384

// A Cluster is three masters and three replicas. Server i+3 is at first the
// replica of server i.
type Cluster struct {
	Servers [2 * masters]*Server

	t testing.TB
}

// StartCluster starts a cluster and waits until every server knows that all of
// it is well. Its servers declare another dead after one second.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := range c.Servers {
		c.Servers[i] = newServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
		t.Cleanup(c.Servers[i].end)
	}
	var wg sync.WaitGroup
	for _, s := range c.Servers {
		wg.Go(s.Start)
	}
	wg.Wait()
	c.form()
	return c
}

func (c *Cluster) form() {
	c.t.Helper()
	ctx := context.Background()
	first := c.Servers[0]
	for i, s := range c.Servers {
		db := s.Client()
		if i < masters {
			from, to := slots*i/masters, slots*(i+1)/masters-1
			c.must(db.ClusterAddSlotsRange(ctx, from, to).Err())
		}
		// Each needs an epoch of its own, or two might claim the same slots.
		c.must(db.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
	}
	for _, s := range c.Servers[1:] {
		c.must(s.Client().ClusterMeet(ctx, "127.0.0.1", first.port).Err())
	}
	for _, s := range c.Servers {
		s.await("to know the others", func() bool {
			nodes, _ := s.Client().ClusterNodes(ctx).Result()
			return strings.Count(nodes, "\n") == 2*masters && !strings.Contains(nodes, "handshake")
		})
	}
	for i, s := range c.Servers[masters:] {
		id, err := c.Servers[i].Client().ClusterMyID(ctx).Result()
		c.must(err)
		c.must(s.Client().ClusterReplicate(ctx, id).Err())
	}
	c.AwaitHealthy()
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("redistest: %v", err)
	}
}

// AwaitTakeover waits until the replica of a server that was killed is a master.
// Started before that, the server would be the master again, without data, and
// its replica would drop its own.
func (c *Cluster) AwaitTakeover(killed *Server) {
	c.t.Helper()
	db := c.Replica(killed).Client()
	c.Replica(killed).await("to take over", func() bool { return isMaster(db) })
}

func isMaster(db *redis.Client) bool {
	role, _ := db.Do(context.Background(), "ROLE").Slice()
	return len(role) > 0 && role[0] == "master"
}

// AwaitHealthy waits until every running server sees all slots served, and
// every replica is in step.
func (c *Cluster) AwaitHealthy() {
	c.t.Helper()
	ctx := context.Background()
	var running []*Server
	var dbs []*redis.Client
	for _, s := range c.Servers {
		if s.process != nil {
			running, dbs = append(running, s), append(dbs, s.Client())
		}
	}
	// One that was the master takes itself for it until it learns of the other.
	running[0].await("to be in a cluster without former masters", func() bool {
		n := 0
		for _, db := range dbs {
			if isMaster(db) {
				n++
			}
		}
		return n == masters
	})
	for i, s := range running {
		s.await("to see the cluster well", func() bool {
			info, _ := dbs[i].ClusterInfo(ctx).Result()
			if !strings.Contains(info, "cluster_state:ok") {
				return false
			}
			repl, _ := dbs[i].Info(ctx, "replication").Result()
			return strings.Contains(repl, "role:master") || strings.Contains(repl, "master_link_status:up")
		})
	}
}

// Master returns the server that is the master of a key now.
func (c *Cluster) Master(key string) *Server {
	c.t.Helper()
	client := c.Client()
	client.ReloadState(context.Background())
	db, err := client.MasterForKey(context.Background(), key)
	c.must(err)
	for _, s := range c.Servers {
		if s.Addr == db.Options().Addr {
			return s
		}
	}
	c.t.Fatalf("redistest: %s is no server of the cluster", db.Options().Addr)
	return nil
}

// Replica returns the replica of a server, as the cluster began.
func (c *Cluster) Replica(of *Server) *Server {
	for i, s := range c.Servers {
		if s == of {
			return c.Servers[(i+masters)%len(c.Servers)]
		}
	}
	return nil
}

// Addrs returns where the servers listen.
func (c *Cluster) Addrs() []string {
	var out []string
	for _, s := range c.Servers {
		out = append(out, s.Addr)
	}
	return out
}

// Client returns a client for the cluster, which is closed with the test.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// MoveSlot moves a slot, with its keys, to another master, and calls between
// after each key. A cluster that is down for a moment, as it may be on a busy
// machine, makes it wait.
func (c *Cluster) MoveSlot(slot int, from, to *Server, between func()) error {
	ctx := context.Background()
	src, dst := from.Client(), to.Client()
	fromID, err := src.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	toID, err := dst.ClusterMyID(ctx).Result()
	if err != nil {
		return err
	}
	set := func(db *redis.Client, state ...any) error {
		return persist(func() error {
			return db.Do(ctx, append([]any{"CLUSTER", "SETSLOT", slot}, state...)...).Err()
		})
	}
	move := func() (more bool, err error) {
		keys, err := src.ClusterGetKeysInSlot(ctx, slot, 1).Result()
		if err != nil || len(keys) == 0 {
			return false, err
		}
		return true, src.Do(ctx, "MIGRATE", "127.0.0.1", to.port, keys[0], 0, 5000).Err()
	}
	err = set(dst, "IMPORTING", fromID)
	if err == nil {
		err = set(src, "MIGRATING", toID)
	}
	for more := true; more && err == nil; {
		err = persist(func() error {
			var err error
			more, err = move()
			return err
		})
		between()
	}
	// First the new one, else the slot is nobody's for a moment.
	for _, db := range []*redis.Client{dst, src} {
		if err == nil {
			err = set(db, "NODE", toID)
		}
	}
	if err != nil { // Others need the slot.
		_ = set(src, "STABLE")
		_ = set(dst, "STABLE")
	}
	return err
}

// persist tries again what fails.
func persist(do func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err := do(); err == nil || time.Now().After(end) {
			return err
		}
	}
}
