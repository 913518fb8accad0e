package storeredis

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

// A follower is a Receiver of messages whose events are the numbers from 0 on in
// each channel. It notes where one is missing.
type follower struct {
	sink
	mu     sync.Mutex
	next   map[string]int
	lost   map[string]bool
	silent []string // gaps that nobody has told of
}

func newFollower() *follower {
	return &follower{next: make(map[string]int), lost: make(map[string]bool)}
}

func (f *follower) Deliver(it *store.Item) {
	n, _ := strconv.Atoi(it.Message.Event)
	f.mu.Lock()
	defer f.mu.Unlock()
	if want := f.next[it.Channel]; n != want && !f.lost[it.Channel] {
		f.silent = append(f.silent, fmt.Sprintf("%s: %d follows %d", it.Channel, n, want-1))
	}
	f.next[it.Channel], f.lost[it.Channel] = n+1, false
}

func (f *follower) Lost(channel string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost[channel] = true
}

// behind returns how many of the channels have neither come to that number nor
// been told of a gap.
func (f *follower) behind(channels []string, number int) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range channels {
		if f.next[c] < number && !f.lost[c] {
			n++
		}
	}
	return n
}

func (f *follower) gaps() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.silent
}

// A writer publishes numbered messages to channels.
type writer struct {
	n        *node
	channels []string
	data     []byte
	keep     time.Duration
}

// publish publishes the messages with these numbers to all channels.
func (w *writer) publish(t *testing.T, from, to int) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(4)
	for _, c := range w.channels {
		g.Go(func() error {
			for i := from; i < to; i++ {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				_, err := w.n.Publish(ctx, store.PublishRequest{Channel: c, Event: strconv.Itoa(i), Data: w.data, Retention: w.keep})
				cancel()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// bystand publishes until the function that it returns is called, which returns
// how many publishes failed, of how many, and how long the slowest took.
func bystand(n *node) func() (failed, of int, slowest time.Duration) {
	var failures, total int
	var worst time.Duration
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			began := time.Now()
			_, err := n.Publish(context.Background(), store.PublishRequest{Channel: "elsewhere", Event: "e"})
			if total++; err != nil {
				failures++
			}
			worst = max(worst, time.Since(began))
		}
	}()
	return func() (int, int, time.Duration) {
		close(stop)
		<-done
		return failures, total, worst
	}
}

// TestLineCut: much is published while the line of a node is cut. It gets all of
// it as soon as the line can carry it, and nobody else is disturbed. It is not parallel,
// since it has a limit for how long that takes.
func TestLineCut(t *testing.T) {
	for _, line := range []struct {
		why        string
		each, rate int
	}{
		{"much over a fast line", 200, 20 << 20},
		{"little over a slow one", 3, 128 << 10},
	} {
		t.Run(line.why, func(t *testing.T) {
			t.Parallel()
			testLineCut(t, line.each, line.rate)
		})
	}
}

// testLineCut publishes so many messages to each of some channels; the line carries
// so many bytes a second.
func testLineCut(t *testing.T, each, rate int) {
	t.Helper()
	const channels = 20
	srv := redistest.StartServer(t)
	line := redistest.NewProxy(t, srv.Addr)
	got := newFollower()
	a := joinAs(t, openAt(t, line.Addr), got, testJoin)
	b := joinAs(t, openAt(t, srv.Addr), new(sink), testJoin)
	w := &writer{n: b, data: bytes.Repeat([]byte("1"), 20_000)}
	for i := range channels {
		w.channels = append(w.channels, fmt.Sprint("c", i))
		mustWatch(t, a, w.channels[i])
	}
	w.publish(t, 0, 1)
	await.Within(t, back, "the first messages", func() bool { return got.behind(w.channels, 1) == 0 })

	line.Throttle(rate)
	line.BlackHole()
	cut := time.Now()
	healthy := bystand(b)
	w.publish(t, 1, each+1)
	await.Pass(time.Until(cut.Add(3*time.Second)), "so long is the line cut")
	line.Resume()
	healed := time.Now()
	own := bystand(a)
	limit := back + time.Duration(channels*each*20_000)*time.Second/time.Duration(rate)
	await.Within(t, 3*limit, "all messages", func() bool { return got.behind(w.channels, each+1) == 0 })
	took := time.Since(healed)
	failed, of, slowest := own()
	t.Logf("all there after %v; of the node's own publishes %d of %d failed, the slowest took %v", took, failed, of, slowest)
	otherFailed, otherOf, otherSlowest := healthy()
	t.Logf("of another node's publishes %d of %d failed, the slowest took %v", otherFailed, otherOf, otherSlowest)
	if took > limit {
		t.Errorf("it took %v, more than %v", took, limit)
	}
	if otherFailed > 0 {
		t.Errorf("%d of %d publishes of another node failed", otherFailed, otherOf)
	}
	if gaps := got.gaps(); len(gaps) > 0 {
		t.Errorf("gaps that were not told: %v", gaps)
	}
}

// TestSmallOutputBuffer: Redis cuts off a node that hears too slowly, again and
// again. In the end it has all, or was told of the gap.
func TestSmallOutputBuffer(t *testing.T) {
	t.Parallel()
	const channels, each, rate = 12, 247, 3 << 20
	srv := redistest.StartServer(t, "--client-output-buffer-limit", "pubsub 256kb 64kb 1")
	line := redistest.NewProxy(t, srv.Addr)
	got := newFollower()
	a := joinAs(t, openAt(t, line.Addr), got, testJoin)
	b := joinAs(t, openAt(t, srv.Addr), new(sink), testJoin)
	w := &writer{n: b, data: bytes.Repeat([]byte("1"), 8_000)}
	for i := range channels {
		w.channels = append(w.channels, fmt.Sprint("c", i))
		mustWatch(t, a, w.channels[i])
	}
	w.publish(t, 0, 1)
	await.Within(t, back, "the first messages", func() bool { return got.behind(w.channels, 1) == 0 })

	line.Throttle(rate)
	w.publish(t, 1, each+1)
	ended := time.Now()
	limit := back + channels*each*8_000*time.Second/rate
	await.Within(t, 4*limit, "all messages", func() bool { return got.behind(w.channels, each+1) == 0 })
	t.Logf("all there %v after the traffic ended, %v allowed", time.Since(ended), limit)
	if gaps := got.gaps(); len(gaps) > 0 {
		t.Errorf("gaps that were not told: %v", gaps)
	}
}

// TestVeryManyMissed replays more messages than a script can pass to one command,
// and has a watch catch up with them.
func TestVeryManyMissed(t *testing.T) {
	t.Parallel()
	const many = 9000
	for _, keep := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint("kept for ", keep), func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t)
			line := redistest.NewProxy(t, srv.Addr)
			o := testJoin
			// A busy machine takes more than a minute to publish so many.
			o.ReplayLimit, o.ReplayWindow = 10_000, 10*time.Minute
			got := newFollower()
			a := joinAs(t, openAt(t, line.Addr), got, o)
			b := joinAs(t, openAt(t, srv.Addr), new(sink), o)
			w := &writer{n: b, channels: []string{"c"}, keep: keep}
			mustWatch(t, a, "c")
			first := mustPublish(t, b, store.PublishRequest{Channel: "c", Event: "0", Retention: keep})

			line.Refuse()
			w.publish(t, 1, many+1)
			line.Heal()
			await.Within(t, 2*back, "the watch to catch up", func() bool { return got.behind(w.channels, many+1) == 0 })
			if gaps := got.gaps(); len(gaps) > 0 {
				t.Errorf("gaps that were not told: %v", gaps)
			}

			r := store.ReplayRequest{Channel: "c", After: first, Until: ulid.MustNew(ulid.MaxTime(), nil), Limit: 10_000, MaxBytes: 4 << 20}
			replayed := 0
			for more := true; more; {
				page, err := b.Replay(unhurried(t), r)
				if err != nil || !page.Complete {
					t.Fatalf("after %d messages: complete is %v, %v", replayed, page.Complete, err)
				}
				replayed += len(page.Messages)
				if more = page.More; more {
					r.After = page.Messages[len(page.Messages)-1].ID
				}
			}
			if replayed != many {
				t.Errorf("%d messages were replayed, want %d", replayed, many)
			}
		})
	}
}

// TestGapUnderTraffic breaks the subscribed connection again and again while much
// is published. Everything is delivered, once and in order, and nothing called
// lost.
func TestGapUnderTraffic(t *testing.T) {
	t.Parallel()
	const each = 2000
	srv := redistest.StartServer(t)
	o := testJoin
	o.ReplayLimit = each + 1
	got := newFollower()
	a := joinAs(t, openAt(t, srv.Addr), got, o)
	b := joinAs(t, openAt(t, srv.Addr), new(sink), o)
	var writers []*writer
	for i, keep := range []time.Duration{0, time.Hour, time.Second} {
		w := &writer{n: b, channels: []string{fmt.Sprint("c", i)}, keep: keep, data: bytes.Repeat([]byte("1"), 3000)}
		mustWatch(t, a, w.channels[0])
		writers = append(writers, w)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(150 * time.Millisecond):
			}
			_ = srv.Client().ClientKillByFilter(context.Background(), "TYPE", "pubsub").Err()
		}
	}()
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() { w.publish(t, 0, each) })
	}
	wg.Wait()
	close(stop)
	<-stopped
	for _, w := range writers {
		await.Within(t, 2*back, "all messages", func() bool { return got.behind(w.channels, each) == 0 })
		if got.lost[w.channels[0]] {
			t.Errorf("messages of %s are called lost", w.channels[0])
		}
	}
	if gaps := got.gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
}
