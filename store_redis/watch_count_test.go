package storeredis

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// TestCountMarkLost loses the mark on a channel of a cluster that has a node told of the
// next change, as a failover can. The node looks again, a little later.
func TestCountMarkLost(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	in := newInbox(t)
	n := joinAs(t, openCluster(t, c), in, testJoin)
	other := joinAs(t, openCluster(t, c), newInbox(t), testJoin)
	ctx := context.Background()
	lost := 0
	for i := range 8 { // on several masters
		channel := fmt.Sprint("c", i)
		mustWatch(t, n, channel)
		wantCount(t, n, channel, 0)
		removed, err := n.s.client.HDel(ctx, n.s.keys.channel(channel).state(), "r").Result()
		if err != nil {
			t.Fatal(err)
		}
		lost += int(removed)
		s := store.SubscribeRequest{Channel: channel, Connection: "1", Counted: true}
		if _, err := other.Subscribe(unhurried(t), s); err != nil {
			t.Fatal(err)
		}
	}
	if lost != 8 {
		t.Fatalf("%d marks were found", lost)
	}
	soon := (countRefresh + 2) * testJoin.NodeTimeout / heartbeatsPerLease
	began := time.Now()
	in.await("the counts to be looked at again", 2*soon, func() bool { return in.counts >= 8 })
	t.Logf("looked at again after %v", time.Since(began))
	for i := range 8 {
		wantCount(t, n, fmt.Sprint("c", i), 1)
	}
}

// TestCountMarkEnds: of a channel that nobody uses, the mark does not stay for ever.
func TestCountMarkEnds(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	wantCount(t, n, "c", 0)
	if left := srv.Client().PTTL(t.Context(), n.s.keys.channel("c").state()).Val(); left <= 0 || left > time.Minute {
		t.Errorf("the state ends in %v, want a minute at the most", left)
	}
}

func wantCount(t *testing.T, n *node, channel string, want int) {
	t.Helper()
	if got, err := n.WatchCount(unhurried(t), channel); err != nil || got != want {
		t.Fatalf("%s has %d subscriptions, %v; want %d", channel, got, err, want)
	}
}

// BenchmarkCount has one of 10,000 subscribers leave and come back, again and again,
// where nobody watches the count, and where a node does.
func BenchmarkCount(b *testing.B) {
	const subscribers, channel = 10_000, "c"
	for _, row := range []struct {
		who   string
		pause time.Duration // until the node asks again, as the handler does; less than 0: it never asks
	}{
		{"nobody asks", -1},
		{"a node asks once a second", time.Second},
		{"a node asks at once", 0},
	} {
		b.Run(row.who, func(b *testing.B) {
			srv := redistest.StartServer(b)
			n, _ := benchNode(b, srv.Addr)
			watcher, told := benchNode(b, srv.Addr)
			ctx := context.Background()
			join := func(i int) error {
				s := store.SubscribeRequest{Channel: channel, Connection: fmt.Sprint("connection ", i), Counted: true}
				_, err := n.Subscribe(ctx, s)
				return err
			}
			var all errgroup.Group
			all.SetLimit(8)
			for i := range subscribers {
				all.Go(func() error { return join(i) })
			}
			if err := all.Wait(); err != nil {
				b.Fatal(err)
			}
			if err := watcher.Watch(ctx, channel); err != nil {
				b.Fatal(err)
			}
			asked, last := 0, time.Time{}
			ask := func() {
				if row.pause < 0 || time.Since(last) < row.pause {
					return
				}
				asked, last = asked+1, time.Now()
				if _, err := watcher.WatchCount(ctx, channel); err != nil {
					b.Fatal(err)
				}
			}
			busy := cpuOf(b, srv)
			for b.Loop() {
				ask()
				end := store.UnsubscribeRequest{Channel: channel, Connection: "connection 0"}
				if _, err := n.Unsubscribe(ctx, end); err != nil {
					b.Fatal(err)
				}
				if err := join(0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuOf(b, srv)-busy)/float64(b.N)*1e6, "redis-µs/op")
			b.ReportMetric(float64(asked)/float64(b.N), "questions/op")
			b.ReportMetric(float64(told.counts.Load())/float64(b.N), "told/op")
		})
	}
}
