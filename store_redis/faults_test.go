package storeredis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

const (
	// back is how soon everything must work again after Redis is back.
	back = 5 * time.Second
	// givesUp is how soon a call must fail: after defaultTimeout, if the machine is
	// not busy with other tests. What is not given up takes maxTimeout or longer.
	givesUp = maxTimeout / 2
)

var testJoin = store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 1000, NodeTimeout: 3 * time.Second}

func openAt(t *testing.T, addr string) *Store {
	c := redis.NewClient(&redis.Options{
		Addr: addr, ContextTimeoutEnabled: true, DialTimeout: time.Second, ReadTimeout: time.Second,
	})
	t.Cleanup(func() { _ = c.Close() })
	return newStore(t, c)
}

func newStore(t *testing.T, c redis.UniversalClient) *Store {
	s, err := New(c, Options{Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func joinAs(t *testing.T, s *Store, r store.Receiver, o store.JoinOptions) *node {
	t.Helper()
	n, err := s.Join(unhurried(t), r, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.Leave(ctx) // The servers may be gone.
	})
	return n.(*node)
}

func mustPublish(t *testing.T, n *node, p store.PublishRequest) ulid.ULID {
	t.Helper()
	res, err := n.Publish(unhurried(t), p)
	if err != nil {
		t.Fatal(err)
	}
	return res.ID
}

// retryPublish publishes until it is accepted, once.
func retryPublish(t *testing.T, n *node, p store.PublishRequest, limit time.Duration) ulid.ULID {
	t.Helper()
	p.DedupID, p.DedupFor = randomText(16), time.Minute // The answer to one that came in may be lost.
	end := time.Now().Add(limit)
	for {
		res, err := n.Publish(context.Background(), p)
		if err == nil {
			return res.ID
		}
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("error %v, want one that wraps ErrUnavailable", err)
		}
		if time.Now().After(end) {
			t.Fatalf("not accepted within %v: %v", limit, err)
		}
	}
}

func mustWatch(t *testing.T, n *node, channel string) {
	t.Helper()
	if err := n.Watch(unhurried(t), channel); err != nil {
		t.Fatal(err)
	}
}

// unhurried returns a context for all calls of a test that must succeed: the default
// of one second may be short on a machine that runs other tests. Each call has no more
// than maxTimeout.
func unhurried(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// testSeed returns a generator whose seed is in the test's log.
func testSeed(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestReplyCut resets the connections in the middle of answers, while messages
// are published: each is there once, with the id that its publisher got.
func TestReplyCut(t *testing.T) {
	t.Parallel()
	rnd := testSeed(t)
	srv := redistest.StartServer(t)
	proxy := redistest.NewProxy(t, srv.Addr)
	n := joinAs(t, openAt(t, proxy.Addr), newInbox(t), testJoin)
	direct := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	var want []ulid.ULID
	for i := range 60 {
		proxy.CutAnswers(1 + rnd.IntN(400))
		want = append(want, retryAs(t, n, i))
	}
	proxy.Heal()
	var got []ulid.ULID
	history, err := direct.History(unhurried(t), store.HistoryRequest{Channel: "c", Limit: 1000, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range history.Messages {
		if want := fmt.Sprint(i); m.Event != want {
			t.Errorf("message %d is %s", i, m.Event)
		}
		got = append(got, m.ID)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
}

// retryAs publishes message i. A caller that gets no answer tries again with
// the same deduplication id.
func retryAs(t *testing.T, n *node, i int) ulid.ULID {
	t.Helper()
	return retryPublish(t, n, store.PublishRequest{
		Channel: "c", Event: fmt.Sprint(i), Retention: time.Hour, DedupID: fmt.Sprint(i), DedupFor: time.Minute,
	}, 10*time.Second)
}

// TestOperationIsDoneOnce runs one operation twice, as go-redis does when it
// loses a reply: the second run changes nothing and has the first one's answer.
func TestOperationIsDoneOnce(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	ck := n.s.keys.channel("c")
	inc, err := n.leases.join(unhurried(t), ck.part)
	if err != nil {
		t.Fatal(err)
	}
	p := store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}
	set := store.SetRequest{Channel: "c", Key: "k", Value: []byte("1"), Digest: "1", Retention: store.Forever}
	subs := n.subscriptionKeys(ck, inc)
	for _, row := range []struct {
		why  string
		call call
	}{
		{"a message has one id", n.publishCall(&p)},
		{"a changed value has changed", n.channelCall(setScript, "c", ck, n.entryKeys(ck), setArgs(&set)...)},
		{"a new member is new", n.channelCall(subscribeScript, "c", ck, subs, inc, "0", "conn", "1", "1", "Jim", "", "20", "1000", "1")},
		{"who left was there", n.channelCall(unsubscribeScript, "c", ck, subs, inc, "0", "conn", "0", "", "")},
	} {
		row.call.op = newOp()
		bucket := int64(-1) // which a caller keeps while it tries
		first, err := n.s.try(unhurried(t), &row.call, &bucket)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		second, err := n.s.try(unhurried(t), &row.call, &bucket)
		if err != nil {
			t.Fatalf("%s: again: %v", row.why, err)
		}
		if first.record.rest != second.record.rest {
			t.Errorf("%s: first %q, then %q", row.why, first.record.rest, second.record.rest)
		}
	}
	if h, err := n.History(unhurried(t), store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20}); err != nil || len(h.Messages) != 1 {
		t.Errorf("%d messages (%v), want 1", len(h.Messages), err)
	}
}

// TestLateCommandIsRefused lets a publish arrive after its caller has given up:
// it must not take effect then.
func TestLateCommandIsRefused(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	proxy := redistest.NewProxy(t, srv.Addr)
	n := joinAs(t, openAt(t, proxy.Addr), newInbox(t), testJoin)
	direct := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "first", Retention: time.Hour})
	proxy.BlackHole()
	for range 4 {
		began := time.Now()
		_, err := n.Publish(context.Background(), store.PublishRequest{Channel: "c", Event: "late", Retention: time.Hour})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("publish into a black hole: %v", err)
		}
		if d := time.Since(began); d > givesUp {
			t.Errorf("the error came after %v, more than %v", d, givesUp)
		}
	}
	proxy.Heal()
	// What was sent is on its way now, and comes before what is sent later.
	await.While(t, 500*time.Millisecond, "the first message being the only one", func() bool {
		h, err := direct.History(unhurried(t), store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20})
		return err == nil && len(h.Messages) == 1
	})
	retryPublish(t, n, store.PublishRequest{Channel: "c", Event: "last", Retention: time.Hour}, back)
	h, err := direct.History(unhurried(t), store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, m := range h.Messages {
		events = append(events, m.Event)
	}
	if d := cmp.Diff([]string{"first", "last"}, events); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

// TestBlackHole cuts a node off without a sign, while another publishes. It
// notices by itself, and gets what it missed when it is back.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	proxy := redistest.NewProxy(t, srv.Addr)
	in := newInbox(t)
	o := testJoin
	o.NodeTimeout = time.Minute // Being declared dead is not the point.
	n := joinAs(t, openAt(t, proxy.Addr), in, o)
	other := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	mustWatch(t, n, "c")
	want := []ulid.ULID{mustPublish(t, other, store.PublishRequest{Channel: "c", Event: "e"})}
	in.awaitIDs(want, back)

	proxy.BlackHole()
	await.Within(t, 5*time.Second, "not being ready without the network", func() bool { return n.Ready(context.Background()) != nil })
	for i := range 500 {
		p := store.PublishRequest{Channel: "c", Event: "e"}
		if i%2 == 0 {
			p.Retention = time.Hour
		}
		want = append(want, mustPublish(t, other, p))
	}
	proxy.Heal()
	began := time.Now()
	in.awaitIDs(want, back)
	await.Within(t, back, "being ready", func() bool { return n.Ready(context.Background()) == nil })
	t.Logf("back after %v", time.Since(began))
	want = append(want, mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"}))
	in.awaitIDs(want, back)
	if in.lost > 0 {
		t.Error("items were called lost")
	}
}

// TestServerFaults breaks the server in many ways while a node publishes and
// another listens. What was accepted is delivered in order, once, unless the
// server lost it, which the listener is told.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		args   []string
		damage func(t *testing.T, s *redistest.Server)
		// loses is true if the server forgets what it had.
		loses bool
	}{
		{"pub/sub connections killed", nil, func(t *testing.T, s *redistest.Server) {
			if err := s.Client().ClientKillByFilter(context.Background(), "TYPE", "pubsub").Err(); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"every connection killed", nil, func(t *testing.T, s *redistest.Server) {
			if err := s.Client().ClientKillByFilter(context.Background(), "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"scripts flushed", nil, func(t *testing.T, s *redistest.Server) {
			if err := s.Client().ScriptFlush(context.Background()).Err(); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"server paused", nil, func(_ *testing.T, s *redistest.Server) {
			s.Pause()
			await.Pass(2*time.Second, "so long does it stand still")
			s.Resume()
		}, false},
		{"restarted with its data", []string{"--appendonly", "yes", "--appendfsync", "always"}, func(_ *testing.T, s *redistest.Server) {
			s.Kill()
			await.Pass(500*time.Millisecond, "so long is it away")
			s.Start()
		}, false},
		{"restarted empty", nil, func(_ *testing.T, s *redistest.Server) {
			s.Kill()
			await.Pass(500*time.Millisecond, "so long is it away")
			s.Start()
		}, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t, row.args...)
			in := newInbox(t)
			a := joinAs(t, openAt(t, srv.Addr), in, testJoin)
			b := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
			mustWatch(t, a, "c")
			if _, err := a.Subscribe(unhurried(t), store.SubscribeRequest{Channel: "c", Connection: "1", Counted: true}); err != nil {
				t.Fatal(err)
			}
			load := startLoad(b)
			load.goesOn(t, 100)
			// Else a server that restarts empty has nothing to lose.
			in.await("a message", back, func() bool { return len(in.items) > 0 })
			row.damage(t, srv)
			began := time.Now()
			retryPublish(t, b, store.PublishRequest{Channel: "other", Event: "e"}, back)
			t.Logf("accepting again after %v", time.Since(began))
			load.goesOn(t, 100)
			accepted, failed := load.stop()
			last := retryPublish(t, b, store.PublishRequest{Channel: "c", Event: "last"}, back)
			in.await("the last message", back, func() bool {
				return slices.ContainsFunc(in.items, func(it *store.Item) bool { return it.ID == last })
			})
			t.Logf("%d accepted, %d refused", len(accepted), failed)
			if !row.loses {
				checkAccepted(t, in, accepted)
				if in.lost > 0 || in.rejoins > 0 {
					t.Errorf("lost %d times, rejoined %d times, for nothing", in.lost, in.rejoins)
				}
				return
			}
			in.await("being told of the loss, and to join again", 2*back, func() bool { return in.lost > 0 && in.rejoins > 0 })
		})
	}
}
