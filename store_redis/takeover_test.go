package storeredis

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// TestResponsible: partitions are spread evenly, and a node that comes or goes
// moves only its own.
func TestResponsible(t *testing.T) {
	if got := responsible(nil, 0); got != "" {
		t.Errorf("of no nodes, %q is responsible", got)
	}
	var nodes []string
	for range 8 {
		nodes = append(nodes, randomText(12))
	}
	slices.Sort(nodes)
	counts := make(map[string]int)
	for p := range partitions {
		id := responsible(nodes, p)
		counts[id]++
		for i, gone := range nodes {
			rest := slices.Delete(slices.Clone(nodes), i, i+1)
			if now := responsible(rest, p); now != id && id != gone {
				t.Errorf("partition %d moves from %s to %s when %s goes", p, id, now, gone)
			}
		}
	}
	for _, id := range nodes {
		if n := counts[id]; n < partitions/8/3 || n > partitions/8*3 {
			t.Errorf("one of 8 nodes has %d partitions of %d", n, partitions)
		}
	}
}

// everywhere returns a channel of each partition.
func everywhere() []string {
	channels := make([]string, partitions)
	for i, left := 0, partitions; left > 0; i++ {
		channel := fmt.Sprint("c", i)
		if p := partOf(channel); channels[p] == "" {
			channels[p] = channel
			left--
		}
	}
	return channels
}

// agree waits until so many of the nodes are known to all of them as those that
// fire.
func agree(t *testing.T, want int, nodes ...*node) {
	t.Helper()
	await.That(t, "the nodes to know each other", func() bool {
		for _, n := range nodes {
			if a := n.heartbeat.assigned.Load().current(); a == nil || len(a.firing) != want {
				return false
			}
		}
		return true
	})
}

// TestScheduleCostsAHandful: a schedule wakes the node that fires it, and no
// other.
func TestScheduleCostsAHandful(t *testing.T) {
	t.Parallel()
	const count = 50
	srv := redistest.StartServer(t)
	var nodes []*node
	for range 8 {
		nodes = append(nodes, joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin))
	}
	f := takePart(t, nodes...)
	agree(t, len(nodes), nodes...)
	before, began := scripts(t, srv), time.Now()
	channels := everywhere()
	addMany(t, nodes[0].s, count, func(i int) time.Time { return began.Add(time.Second + time.Duration(i)*20*time.Millisecond) },
		func(i int) string { return channels[i] })
	await.That(t, "all to fire", func() bool { return f.count() == count })
	// Heartbeats go on: NodeTimeout is half of that of idleScripts.
	idle := int(float64(len(nodes)) * 2 * idleScripts * (time.Since(began).Seconds() + 1))
	// One adds it, one reads what is due and one fires it. Where a timer or a clock
	// was a little early, one more reads.
	if used := scripts(t, srv) - before - idle; used > 5*count {
		t.Errorf("%d schedules took %d scripts", count, used)
	}
}

// TestFiringIsTakenOver stops a node, and kills another one, while schedules of
// all partitions become due: what was theirs fires once, at once in the first case
// and before long in the other.
func TestFiringIsTakenOver(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why string
		end func(n *node, stop func())
		// most is how late a schedule may be, on a machine that is not busy.
		most time.Duration
	}{
		{"a node that stops", func(_ *node, stop func()) { stop() }, time.Second},
		{"a node that dies", func(n *node, _ func()) { n.kill() }, testJoin.NodeTimeout},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t)
			var nodes []*node
			for range 2 {
				nodes = append(nodes, joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin))
			}
			// What a node fires that is killed, it may tell nobody of.
			in := &manyChannels{newInbox(t)}
			nodes = append(nodes, joinAs(t, openAt(t, srv.Addr), in, testJoin))
			f := takePart(t, nodes[1:]...)
			stop, err := nodes[0].s.Scheduler().Start(unhurried(t), nodes[0], f.note(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			agree(t, 3, nodes...)
			channels := everywhere()
			for _, channel := range channels {
				mustWatch(t, nodes[2], channel)
			}
			began := time.Now()
			due := make(map[string][]time.Time)
			for i := range 2 * partitions {
				channel := channels[i%partitions]
				due[channel] = append(due[channel], began.Add(700*time.Millisecond+time.Duration(i)*6*time.Millisecond))
			}
			ids := addMany(t, nodes[1].s, 2*partitions, func(i int) time.Time { return due[channels[i%partitions]][i/partitions] },
				func(i int) string { return channels[i%partitions] })
			row.end(nodes[0], stop)
			in.await("all to fire", await.Patience, func() bool { return len(in.items) >= len(ids) })
			if late := in.p99(due); late > row.most+back {
				t.Errorf("late by %v (p99), want at most %v", late, row.most)
			} else {
				t.Logf("late by %v (p99)", late)
			}
			agree(t, 2, nodes[1:]...)
			in.await("each to fire once", await.Patience, func() bool { return len(in.items) == len(ids) })
		})
	}
}

// manyChannels is an inbox of channels that have no order among each other.
type manyChannels struct{ *inbox }

func (b *manyChannels) Deliver(it *store.Item) { b.note(func() { b.items = append(b.items, it) }) }

// p99 returns how late the latest but one in a hundred was, of items that were due
// on their channels at these times.
func (b *manyChannels) p99(due map[string][]time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var late []time.Duration
	seen := make(map[string]int)
	for _, it := range b.items {
		if n := seen[it.Channel]; n < len(due[it.Channel]) {
			late = append(late, ulid.Time(it.ID.Time()).Sub(due[it.Channel][n]))
		}
		seen[it.Channel]++
	}
	slices.Sort(late)
	return late[len(late)*99/100]
}

// TestLeavingIsTold: what a node fires that leaves is another's at once, long before
// its lease would have lapsed.
func TestLeavingIsTold(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	o := testJoin
	o.NodeTimeout = 10 * time.Minute
	stays := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	leaves := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	takePart(t, leaves, stays)
	await.That(t, "the node to be known", func() bool {
		stays.heartbeat.wakeUp()
		a := stays.heartbeat.assigned.Load().current()
		return a != nil && len(a.firing) == 2
	})
	if err := leaves.Leave(unhurried(t)); err != nil {
		t.Fatal(err)
	}
	agree(t, 1, stays)
}

// TestNobodyKnowsWhoFires: with an assignment that is too old, or none, everybody
// fires what is due.
func TestNobodyKnowsWhoFires(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	s := openAt(t, srv.Addr)
	n := joinAs(t, s, newInbox(t), testJoin)
	f := takePart(t, n)
	agree(t, 1, n)
	if got, want := s.whoFires(7), s.keys.control(n.id); got != want {
		t.Errorf("told on %s, want %s", got, want)
	}
	s.assigned.Store(nil)
	if got, want := s.whoFires(7), s.keys.control(""); got != want {
		t.Errorf("while nobody knows, told on %s, want %s", got, want)
	}
	other := assign([]string{"other"}, []string{"other"})
	n.heartbeat.assigned.Store(&assigned{assignment: other, until: time.Now().Add(time.Minute)})
	if n.heartbeat.maintains(7) || n.heartbeat.firesIn(7) {
		t.Error("has what is assigned to another")
	}
	n.heartbeat.assigned.Store(&assigned{assignment: other, until: time.Now()})
	if !n.heartbeat.maintains(7) || !n.heartbeat.firesIn(7) {
		t.Error("does not help out with what is assigned to one that is not known to live")
	}
	ids := addMany(t, s, 10, func(int) time.Time { return time.Now() }, func(i int) string { return fmt.Sprint("c", i) })
	await.That(t, "all to fire", func() bool { return f.count() == len(ids) })
}
