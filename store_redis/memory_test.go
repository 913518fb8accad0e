package storeredis

import (
	"context"
	stdflag "flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// channelKeysLeft returns the keys that are not those of living nodes.
func channelKeysLeft(t *testing.T, srv *redistest.Server) []string {
	t.Helper()
	keys, err := srv.Client().Keys(context.Background(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, k := range keys {
		if !strings.HasSuffix(k, ":leases") && !strings.Contains(k, ":ops:") && !strings.HasSuffix(k, ":format") {
			left = append(left, k)
		}
	}
	return left
}

func usedMemory(t *testing.T, srv *redistest.Server) int {
	t.Helper()
	info, err := srv.Client().Info(context.Background(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(parseInfo(info)["used_memory"])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func publishMany(t *testing.T, n *node, count int, p func(i int) store.PublishRequest) {
	t.Helper()
	const workers = 64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			for i := w; i < count; i += workers {
				if _, err := n.Publish(ctx, p(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// full asks for all that is measured, where a short test does a part of it.
var full = stdflag.Bool("full", false, "publish, schedule and join as many as are measured")

// TestSilentChannelsCostNothing publishes to many channels with a short keep.
// When that is over, Redis holds no key of them.
func TestSilentChannelsCostNothing(t *testing.T) {
	t.Parallel()
	messages, channels := 10_000, 500
	if *full {
		messages, channels = 1_000_000, 10_000
	}
	srv := redistest.StartServer(t)
	o := testJoin
	o.ReplayWindow = 2 * time.Second
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	publishMany(t, n, messages, func(i int) store.PublishRequest {
		return store.PublishRequest{
			Channel: fmt.Sprint("c", i%channels), Event: "e", Data: []byte(`"x"`), Retention: time.Duration(1+i%3) * time.Second,
		}
	})
	start := time.Now()
	await.Within(t, time.Minute, "the keys of all channels to go", func() bool { return len(channelKeysLeft(t, srv)) == 0 })
	t.Logf("no key is left of %d messages in %d channels, %v after the last", messages, channels, time.Since(start))
}

// TestMixedLifetimes keeps every hundredth message for ever and the rest for
// seconds, in one channel: the memory of the rest comes back.
func TestMixedLifetimes(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	o := testJoin
	o.ReplayWindow, o.ReplayLimit = time.Second, 100
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	const count = 10_000
	data := []byte(`"` + strings.Repeat("x", 500) + `"`)
	publishMany(t, n, count, func(i int) store.PublishRequest {
		p := store.PublishRequest{Channel: "c", Event: "e", Data: data, Retention: 3 * time.Second}
		if i%100 == 0 {
			p.Retention = store.Forever
		}
		return p
	})
	db := srv.Client()
	ck := n.s.keys.channel("c")
	order := ck.order()
	full := keyMemory(t, srv, "*:"+ck.d.String())
	await.Within(t, 20*time.Second, "what is not kept for ever to go", func() bool {
		return db.ZCard(context.Background(), order).Val() == count/100
	})
	h, err := n.History(context.Background(), store.HistoryRequest{Channel: "c", Limit: 1000, MaxBytes: 1 << 20})
	if err != nil || len(h.Messages) != count/100 {
		t.Errorf("%d messages are listed (%v), want %d", len(h.Messages), err, count/100)
	}
	rest := keyMemory(t, srv, "*:"+ck.d.String())
	t.Logf("%d bytes for %d messages, %d for the %d left", full, count, rest, count/100)
	if rest > full/10 {
		t.Errorf("%d bytes of %d are still used", rest, full)
	}
}

// TestMemoryFigures measures the figures of docs/redis.md.
func TestMemoryFigures(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	o := testJoin
	o.ReplayWindow = 2 * time.Minute
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	const count = 5000
	data := []byte(`"` + strings.Repeat("x", 254) + `"`)
	// As core writes it, of a browser with a user agent of 117 bytes.
	origin := []byte(`{"t":"client.websocket","c":"` + strings.Repeat("c", 36) + `","a":"203.0.113.255","u":"` + strings.Repeat("u", 117) + `"}`)
	subscribe := func(channel func(i int) string) {
		var g errgroup.Group
		g.SetLimit(64)
		for i := range count {
			g.Go(func() error {
				_, err := n.Subscribe(unhurried(t), store.SubscribeRequest{
					Channel: channel(i), Connection: fmt.Sprintf("connection-%08d", i), UID: fmt.Sprintf("user-%08d", i), Counted: true,
				})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	}
	for _, row := range []struct {
		what string
		do   func()
	}{
		{"message of 256 bytes kept for ever, one channel", func() {
			publishMany(t, n, count, func(int) store.PublishRequest {
				return store.PublishRequest{Channel: "forever", Event: "e", Data: data, Retention: store.Forever}
			})
		}},
		{"message of 256 bytes kept for an hour, one channel", func() {
			publishMany(t, n, count, func(int) store.PublishRequest {
				return store.PublishRequest{Channel: "hour", Event: "e", Data: data, Retention: time.Hour}
			})
		}},
		{"message of 256 bytes kept for ever, with the origin of a browser, one channel", func() {
			publishMany(t, n, count, func(int) store.PublishRequest {
				return store.PublishRequest{Channel: "browser", Event: "e", Data: data, Retention: store.Forever, Origin: origin}
			})
		}},
		{"message of 256 bytes not kept, ten of them in each channel", func() {
			publishMany(t, n, count, func(i int) store.PublishRequest {
				return store.PublishRequest{Channel: fmt.Sprint("unkept", i%(count/10)), Event: "e", Data: data}
			})
		}},
		{"subscription, all of one channel", func() {
			subscribe(func(int) string { return "crowd" })
		}},
		{"subscription, each of a channel of its own", func() {
			subscribe(func(i int) string { return fmt.Sprint("own", i) })
		}},
	} {
		before := usedMemory(t, srv) - opsMemory(t, srv)
		row.do()
		each := float64(usedMemory(t, srv)-opsMemory(t, srv)-before) / count
		t.Logf("%4.0f bytes for each %s", each, row.what)
		if each <= 0 || each > 1500 {
			t.Errorf("%s: %.0f bytes are not plausible", row.what, each)
		}
	}
}

// opsMemory is what the records of recent operations take, which is there for
// half a minute only.
func opsMemory(t *testing.T, srv *redistest.Server) int { return keyMemory(t, srv, "*:ops:*") }

// keyMemory is what the keys of a pattern take.
func keyMemory(t *testing.T, srv *redistest.Server, pattern string) int {
	t.Helper()
	ctx := context.Background()
	db := srv.Client()
	keys, err := db.Keys(ctx, pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, k := range keys {
		n, _ := db.MemoryUsage(ctx, k, 0).Result() // It may be gone by now.
		sum += int(n)
	}
	return sum
}
