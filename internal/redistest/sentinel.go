package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	// MasterName is what the Sentinels call the group that they watch.
	MasterName = "main"
	// sentinels is how many there are, and quorum how many must agree that a
	// master is down. With three, one may be missing.
	sentinels = 3
	quorum    = 2
	// guarded is how many servers have the data.
	guarded = 3
)

// A Guarded is a master and two replicas, watched by three Sentinels, which make
// a replica the master when the master is gone for a second.
type Guarded struct {
	// Servers have the data. At first the first one is master.
	Servers [guarded]*Server
	// Sentinels watch them.
	Sentinels [sentinels]*Server

	t testing.TB
}

// StartGuarded starts all six, and waits until they know each other. The
// arguments are more ones for those with the data.
func StartGuarded(t testing.TB, args ...string) *Guarded {
	t.Helper()
	g := &Guarded{t: t}
	for i := range g.Servers {
		// Else each copy is made only after 5 s.
		g.Servers[i] = StartServer(t, append([]string{"--repl-diskless-sync-delay", "0"}, args...)...)
	}
	master := g.Servers[0]
	for _, replica := range g.Servers[1:] {
		if err := replica.Client().ReplicaOf(context.Background(), "127.0.0.1", master.port).Err(); err != nil {
			t.Fatalf("redistest: %v", err)
		}
	}
	var wg sync.WaitGroup
	for i := range g.Sentinels {
		s := newServer(t)
		s.sentinel = true
		// A Sentinel keeps what it knows in its file, and rewrites it.
		file := filepath.Join(s.dir, "sentinel.conf")
		conf := fmt.Sprintf(`port %s
bind 127.0.0.1
dir %q
sentinel monitor %[3]s 127.0.0.1 %[4]s %[5]d
sentinel down-after-milliseconds %[3]s 1000
sentinel failover-timeout %[3]s 3000
`, s.port, s.dir, MasterName, master.port, quorum)
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{file, "--sentinel"}
		g.Sentinels[i] = s
		t.Cleanup(s.end)
		wg.Go(s.Start)
	}
	wg.Wait()
	g.AwaitHealthy()
	return g
}

// Stop ends all six before the test does.
func (g *Guarded) Stop() {
	for _, s := range g.Sentinels {
		s.Kill()
	}
	for _, s := range g.Servers {
		s.Kill()
	}
}

// Addrs returns where the Sentinels listen.
func (g *Guarded) Addrs() []string {
	var out []string
	for _, s := range g.Sentinels {
		out = append(out, s.Addr)
	}
	return out
}

// Master returns the server that the Sentinels take for the master now.
func (g *Guarded) Master() *Server {
	g.t.Helper()
	s := g.masterOf(g.Sentinels[0])
	if s == nil {
		g.t.Fatal("redistest: the Sentinel knows no master")
	}
	return s
}

func (g *Guarded) masterOf(sentinel *Server) *Server {
	c := sentinel.sentinelClient()
	defer c.Close()
	at, err := c.GetMasterAddrByName(context.Background(), MasterName).Result()
	if err != nil || len(at) != 2 {
		return nil
	}
	for _, s := range g.Servers {
		if s.Addr == net.JoinHostPort(at[0], at[1]) {
			return s
		}
	}
	return nil
}

func (s *Server) sentinelClient() *redis.SentinelClient {
	return redis.NewSentinelClient(&redis.Options{Addr: s.Addr})
}

// FailOver makes the Sentinels make a replica the master, though nothing is
// wrong. It does not wait until that is done.
func (g *Guarded) FailOver() error {
	c := g.Sentinels[0].sentinelClient()
	defer c.Close()
	return c.Failover(context.Background(), MasterName).Err()
}

// AwaitHealthy waits until all Sentinels name the same master and know each
// other and the replicas, and these are in step.
func (g *Guarded) AwaitHealthy() {
	g.t.Helper()
	for _, s := range g.Sentinels {
		s.await("to see the others well", func() bool { return g.healthy(s) })
	}
}

func (g *Guarded) healthy(sentinel *Server) bool {
	ctx := context.Background()
	master := g.masterOf(sentinel)
	if master == nil || master != g.masterOf(g.Sentinels[0]) {
		return false
	}
	c := sentinel.sentinelClient()
	defer c.Close()
	known, err := c.Master(ctx, MasterName).Result()
	if err != nil || known["flags"] != "master" || known["num-slaves"] != strconv.Itoa(guarded-1) ||
		known["num-other-sentinels"] != strconv.Itoa(sentinels-1) {
		return false
	}
	replicas, err := c.Replicas(ctx, MasterName).Result()
	if err != nil || len(replicas) != guarded-1 {
		return false
	}
	for _, r := range replicas {
		if r["flags"] != "slave" || r["master-link-status"] != "ok" {
			return false
		}
	}
	for _, s := range g.Servers {
		db := redis.NewClient(&redis.Options{Addr: s.Addr})
		role, err := db.Do(ctx, "ROLE").Slice()
		_ = db.Close()
		switch {
		case err != nil || len(role) < 3:
			return false
		case s == master && role[0] != "master":
			return false
		case s != master && (role[0] != "slave" || len(role) < 4 || role[3] != "connected"):
			return false
		}
	}
	return true
}
