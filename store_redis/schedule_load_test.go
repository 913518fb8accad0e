package storeredis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

// scripts returns how many scripts the server has run.
func scripts(t *testing.T, srv *redistest.Server) int {
	t.Helper()
	return calls(t, srv, "evalsha") + calls(t, srv, "eval")
}

// calls returns how often the server was sent a command.
func calls(t *testing.T, srv *redistest.Server, command string) int {
	t.Helper()
	info, err := srv.Client().Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	stats, _, _ := strings.Cut(parseInfo(info)["cmdstat_"+command], ",")
	n, _ := strconv.Atoi(strings.TrimPrefix(stats, "calls="))
	return n
}

// A firings is what nodes were told that they fired.
type firings struct {
	mu   sync.Mutex
	late map[ulid.ULID]time.Duration
}

// takePart lets nodes fire until the end of the test.
func takePart(t *testing.T, nodes ...*node) *firings {
	t.Helper()
	f := &firings{late: make(map[ulid.ULID]time.Duration)}
	for _, n := range nodes {
		stop, err := n.s.Scheduler().Start(unhurried(t), n, f.note(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	return f
}

// note returns what is called for each schedule that a node fired.
func (f *firings) note(t *testing.T) func(store.Fired) {
	return func(fired store.Fired) {
		at := ulid.Time(fired.Publish.ID.Time())
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, ok := f.late[fired.Schedule.ID]; ok {
			t.Errorf("%v fired twice", fired.Schedule.ID)
		}
		f.late[fired.Schedule.ID] = at.Sub(fired.Schedule.Due)
	}
}

func (f *firings) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.late)
}

// p99 returns how late the latest but one in a hundred of these were.
func (f *firings) p99(ids []ulid.ULID) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var late []time.Duration
	for _, id := range ids {
		late = append(late, f.late[id])
	}
	slices.Sort(late)
	return late[len(late)*99/100]
}

// most returns how late the latest of these was.
func (f *firings) most(ids []ulid.ULID) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var most time.Duration
	for _, id := range ids {
		most = max(most, f.late[id])
	}
	return most
}

// addMany adds schedules, each as make says.
func addMany(t *testing.T, s *Store, count int, due func(i int) time.Time, channel func(i int) string) []ulid.ULID {
	t.Helper()
	ids := make([]ulid.ULID, count)
	var g errgroup.Group
	g.SetLimit(200)
	for i := range count {
		ids[i] = ulid.Make()
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), maxTimeout)
			defer cancel()
			_, err := s.Scheduler().Add(ctx, store.Schedule{
				ID: ids[i], Due: due(i),
				Publish: &store.PublishRequest{Channel: channel(i), Event: "e", Data: []byte(`"scheduled"`)},
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestManySchedulesAreDueAtOnce: they share scripts, and more nodes share the
// work. Schedules of other channels, due at about that time, do not wait for all
// of them.
func TestManySchedulesAreDueAtOnce(t *testing.T) {
	t.Parallel()
	count, perChannel, others := 2_000, 100, 100
	if *full {
		count, perChannel, others = 20_000, 1_000, 300
	}
	took := make(map[int]time.Duration)
	for _, size := range []int{1, 3, 8} {
		srv := redistest.StartServer(t)
		var nodes []*node
		for range size {
			nodes = append(nodes, joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin))
		}
		f := takePart(t, nodes...)
		due := time.Now().Add(8 * time.Second).Truncate(time.Second)
		busy := addMany(t, nodes[0].s, count, func(int) time.Time { return due },
			func(i int) string { return fmt.Sprint("busy", i/perChannel) })
		bystanders := addMany(t, nodes[0].s, others,
			func(i int) time.Time { return due.Add(time.Duration(i) * 2 * time.Second / time.Duration(others)) },
			func(i int) string { return fmt.Sprint("other", i) })
		if time.Now().After(due) {
			t.Fatal("adding them took too long")
		}
		before := scripts(t, srv)
		await.Within(t, 3*time.Minute, "all to fire", func() bool { return f.count() == count+others })
		used := scripts(t, srv) - before - int(2*idleScripts*time.Since(due).Seconds()*float64(size))
		took[size] = f.most(busy)
		t.Logf("%d nodes: %d schedules in %v with %d scripts; others are late by %v (p99)",
			size, count, took[size], used, f.p99(bystanders))
		// Each partition that has some takes a script to read what is due and one to fire,
		// for each batch; and there are those of the bystanders.
		if most := 2*(count/fireBatch+partitions) + 3*others + 50*size; used > most {
			t.Errorf("%d nodes: %d scripts, want at most %d", size, used, most)
		}
	}
	// The nodes share the processors of this machine, so it is no faster either.
	if took[8] > 2*took[1]+time.Second {
		t.Errorf("8 nodes took %v, one took %v", took[8], took[1])
	}
}

// TestSchedulesAreListedEvenly reads many schedules that are due at the same time,
// page by page. The last pages make the server work no more than the first.
func TestSchedulesAreListedEvenly(t *testing.T) {
	t.Parallel()
	count := 5_000
	if *full {
		count = 20_000
	}
	const limit = 100
	srv := redistest.StartServer(t)
	s := openAt(t, srv.Addr) // without a node, which would read, too
	if err := s.check(unhurried(t)); err != nil {
		t.Fatal(err)
	}
	due := time.Now().Add(time.Hour).Truncate(time.Second)
	ids := addMany(t, s, count, func(int) time.Time { return due }, func(int) string { return "c" })
	slices.SortFunc(ids, ulid.ULID.Compare)
	var costs []int
	var times []time.Duration
	q := store.SchedulesRequest{Channel: "c", Limit: limit}
	var got []ulid.ULID
	for {
		before, began := calls(t, srv, "zrange")+calls(t, srv, "zrangebyscore"), time.Now()
		page, err := s.Scheduler().Schedules(unhurried(t), q)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(began))
		costs = append(costs, calls(t, srv, "zrange")+calls(t, srv, "zrangebyscore")-before)
		for _, q := range page.Schedules {
			got = append(got, q.ID)
		}
		if !page.More {
			break
		}
		last := page.Schedules[len(page.Schedules)-1]
		q.AfterDue, q.AfterID = last.Due, last.ID
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%d schedules were listed, want each of %d once, in order", len(got), len(ids))
	}
	t.Logf("pages 1, 2 and %d: %v, %v, %v, with %v, %v, %v reads of a sorted set", len(costs)-1,
		times[0], times[1], times[len(times)-2], costs[0], costs[1], costs[len(costs)-2])
	if most := slices.Max(costs); most > 20 {
		t.Errorf("a page takes %d reads of a sorted set, want at most 20", most)
	}
}
