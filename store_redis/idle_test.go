package storeredis

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

const (
	// idleScripts is how many a node runs in a second that has nothing to do, with the
	// NodeTimeout that is the default of core.
	idleScripts = 1.0
	// idleOnMaster is how many it runs on one master of a cluster, with channels there.
	idleOnMaster = 2.0
	// idleCommands is how many commands a node sends or has scripts send in a second
	// where nothing is stored. The partitions are many more.
	idleCommands = 30.0
	// idleShare is for which share of the time a hundred nodes may keep Redis busy.
	idleShare = .03
)

// TestIdleNodesCostLittle counts what nodes that have nothing to do ask for.
func TestIdleNodesCostLittle(t *testing.T) {
	t.Parallel()
	type row struct {
		cluster bool
		nodes   int
	}
	rows, span := []row{{false, 1}, {false, 3}, {true, 2}}, 10*time.Second
	if *full {
		rows, span = []row{{false, 1}, {false, 50}, {false, 100}, {true, 20}}, 30*time.Second
	}
	o := testJoin
	o.NodeTimeout = 6 * time.Second
	for _, row := range rows {
		t.Run(fmt.Sprintf("cluster=%v/nodes=%d", row.cluster, row.nodes), func(t *testing.T) {
			if !*full {
				t.Parallel()
			}
			servers, open := idleServers(t, row.cluster)
			var nodes []*node
			for range row.nodes {
				n := joinAs(t, open(), newInbox(t), o)
				for i := 0; row.cluster && i < 12; i++ { // Some on each master.
					mustWatch(t, n, fmt.Sprint("c", i))
				}
				nodes = append(nodes, n)
			}
			takePart(t, nodes...)
			await.Pass(2*maintenancePeriod, "until what begins with a node is over")
			before := make([]idleFigures, len(servers))
			for i, srv := range servers {
				before[i] = figuresOf(t, srv)
			}
			await.Pass(span, "what is asked for in that time is counted")
			for i, srv := range servers {
				is := figuresOf(t, srv)
				each := float64(is.scripts-before[i].scripts) / span.Seconds() / float64(row.nodes)
				commands := float64(is.commands-before[i].commands) / span.Seconds() / float64(row.nodes)
				busy := (is.cpu - before[i].cpu).Seconds() / span.Seconds()
				t.Logf("%.2f scripts and %.1f commands a second each; Redis is busy %.2f %% of the time", each, commands, 100*busy)
				most := idleScripts * 1.5 // On a busy machine some are sent again.
				if row.cluster {
					most = idleOnMaster * 1.25
				}
				if each > most {
					t.Errorf("%.2f scripts a second each, want at most %.2f", each, most)
				}
				if commands > 1.5*idleCommands {
					t.Errorf("%.1f commands a second each, want at most %.1f", commands, idleCommands)
				}
				if *full && busy > idleShare {
					t.Errorf("Redis is busy %.2f %% of the time, want at most %v %%", 100*busy, 100*idleShare)
				}
			}
		})
	}
}

// idleServers starts a server or a cluster, and returns its masters and what makes a
// store.
func idleServers(t *testing.T, cluster bool) ([]*redistest.Server, func() *Store) {
	t.Helper()
	if cluster {
		c := redistest.StartCluster(t)
		return c.Servers[:3], func() *Store { return openCluster(t, c) }
	}
	srv := redistest.StartServer(t)
	return []*redistest.Server{srv}, func() *Store { return openAt(t, srv.Addr) }
}

// idleFigures are what a server has done so far.
type idleFigures struct {
	// commands includes those of scripts.
	scripts, commands int
	cpu               time.Duration
}

func figuresOf(t *testing.T, srv *redistest.Server) idleFigures {
	t.Helper()
	info, err := srv.Client().Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	f := idleFigures{scripts: scripts(t, srv), cpu: serverCPU(t, srv)}
	for _, stats := range parseInfo(info) {
		calls, _, _ := strings.Cut(strings.TrimPrefix(stats, "calls="), ",")
		n, _ := strconv.Atoi(calls) // The heading has none.
		f.commands += n
	}
	return f
}

// An idleReceiver notes when entries expire, too.
type idleReceiver struct {
	*inbox
	expired chan struct{}
}

func (r *idleReceiver) EntryExpired(store.Entry) { r.expired <- struct{}{} }

// TestIdleNodesAreOnTime gives nodes that have had nothing to do something: it is done
// as soon as by those that are busy, though they look at little meanwhile.
func TestIdleNodesAreOnTime(t *testing.T) {
	t.Parallel()
	for _, cluster := range []bool{false, true} {
		t.Run(fmt.Sprintf("cluster=%v", cluster), func(t *testing.T) {
			t.Parallel()
			_, open := idleServers(t, cluster)
			r := &idleReceiver{inbox: newInbox(t), expired: make(chan struct{}, 1)}
			n := joinAs(t, open(), r, testJoin)
			dies, err := open().Join(unhurried(t), newInbox(t), testJoin)
			if err != nil {
				t.Fatal(err)
			}
			f := takePart(t, n)
			await.Pass(2*maintenancePeriod, "until nothing is left to do")

			const in = time.Second
			channels := everywhere()[10:]
			for _, channel := range channels[:20] {
				q := scheduled(in)
				q.Publish.Channel = channel
				if _, err := n.s.Scheduler().Add(unhurried(t), q); err != nil {
					t.Fatal(err)
				}
			}
			await.Within(t, in+back, "schedules to fire", func() bool { return f.count() == 20 })
			for id, late := range f.late {
				if late > back/4 {
					t.Errorf("%v fired %v late", id, late)
				}
			}

			if _, err := n.Set(unhurried(t), store.SetRequest{
				Channel: channels[30], Key: "k", Value: []byte("1"), Digest: "1", Retention: in, Emit: true,
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := dies.Subscribe(unhurried(t), store.SubscribeRequest{Channel: channels[40], Connection: "1"}); err != nil {
				t.Fatal(err)
			}
			dies.(*node).kill()
			r.await("the subscription of the dead node to end", testJoin.NodeTimeout+back, func() bool { return len(r.ended) == 1 })
			select {
			case <-r.expired:
			case <-time.After(maintenancePeriod + back):
				t.Error("the entry has not expired")
			}
		})
	}
}

// TestLeasesAreRenewedTogether counts what a node asks for whose subscriptions are
// in all partitions, when nothing happens.
func TestLeasesAreRenewedTogether(t *testing.T) {
	t.Parallel()
	const span = 12 * time.Second
	o := testJoin
	o.NodeTimeout = 6 * time.Second
	srv := redistest.StartServer(t)
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	has := make(map[int]bool)
	for i := 0; len(has) < partitions; i++ {
		channel := fmt.Sprint("c", i)
		if p := partOf(channel); !has[p] {
			has[p] = true
			if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{Channel: channel, Connection: "1"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := scripts(t, srv)
	await.Pass(span, "what is asked for in that time is counted")
	each := float64(scripts(t, srv)-before) / span.Seconds()
	// In every third of the node's timeout, 4 scripts renew its leases.
	if most := (idleScripts + 4/2) * 1.5; each > most {
		t.Errorf("%.2f scripts a second, want at most %.1f", each, most)
	}
	if members, err := srv.Client().ZCount(t.Context(), n.s.keys.leases(partitions-1), "-inf", "+inf").Result(); err != nil || members != 1 {
		t.Errorf("%d members of the last partition (%v), want 1", members, err)
	}
}

// serverCPU returns the time for which the server has used a processor.
func serverCPU(t *testing.T, srv *redistest.Server) time.Duration {
	t.Helper()
	info, err := srv.Client().Info(t.Context(), "cpu").Result()
	if err != nil {
		t.Fatal(err)
	}
	var total time.Duration
	for _, name := range []string{"used_cpu_user", "used_cpu_sys"} {
		s, err := strconv.ParseFloat(parseInfo(info)[name], 64)
		if err != nil {
			t.Fatal(err)
		}
		total += time.Duration(s * float64(time.Second))
	}
	return total
}
