//go:build !race

package protocoltest

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// onOwnRedis starts two nodes with the default timeout on a server of the test's
// own, so that what the server does can be told.
func onOwnRedis(t *testing.T) (*env, *redistest.Server) {
	t.Helper()
	need.Program(t, "redis-server", "redis-server")
	srv := redistest.StartServer(t)
	var stores []store.Store
	for range 2 {
		client := goredis.NewClient(&goredis.Options{Addr: srv.Addr, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		s, err := storeredis.New(client, storeredis.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	return newEnv(t, stores, func(o *hotsock.Options) { o.StoreTimeout = 0 }), srv
}

// A bill is what a Redis server has done.
type bill struct {
	cpu  time.Duration
	sent int // bytes
}

func billOf(t *testing.T, srv *redistest.Server) bill {
	t.Helper()
	info, err := srv.Client().Info(context.Background(), "cpu", "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	figure := func(name string) float64 {
		_, rest, _ := strings.Cut(info, "\n"+name+":")
		value, _, _ := strings.Cut(rest, "\r")
		f, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return f
	}
	seconds := figure("used_cpu_user") + figure("used_cpu_sys")
	return bill{time.Duration(seconds * float64(time.Second)), int(figure("total_net_output_bytes"))}
}

func (b bill) since(before bill) bill { return bill{b.cpu - before.cpu, b.sent - before.sent} }

// fillRoom publishes n messages of 32 KB.
func (e *env) fillRoom(t *testing.T, n int, keep time.Duration) {
	t.Helper()
	data := strings.Repeat("x", 32_000)
	for n > 0 {
		var batch []hotsock.Message
		for range min(n, 30) {
			batch = append(batch, hotsock.Message{Channel: "room", Event: "e", Data: data, Store: keep})
		}
		n -= len(batch)
		ctx, cancel := e.context()
		results, err := e.nodes[0].PublishBatch(ctx, batch)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if len(results) != len(batch) {
			t.Fatalf("%d of %d messages were published", len(results), len(batch))
		}
	}
}

// TestManyMissedAndDoNotRead: what waits for many clients at once, of what all of
// them have missed, is there once.
func TestManyMissedAndDoNotRead(t *testing.T) {
	const clients = 300
	e := newEnv(t, []store.Store{storememory.New()}, nil)
	e.set("first", e.publish(t, hotsock.Message{Channel: "room", Event: "first"}).ID)
	e.fillRoom(t, 60, 0)
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	connected := make([]*client, clients)
	for i := range connected {
		connected[i] = e.connect(t, user("Jim", everything))
	}
	before := heap()
	for _, c := range connected {
		c.send(`{"event":"hotsock.subscribe","channel":"room","data":{"after":"$first"}}`)
	}
	await.Within(t, e.patience, "all to be subscribed", func() bool {
		info, err := e.nodes[0].ChannelInfo(t.Context(), "room")
		return err == nil && info.SubscriptionsCount == clients
	})
	most := 0
	await.While(t, time.Second, fmt.Sprintf("less than %d MiB for %d clients that have missed the same 2 MB", clients*200>>10, clients), func() bool {
		most = max(most, heap()-before)
		return most <= clients*200<<10
	})
	t.Logf("%d KiB for each of %d clients", most/clients>>10, clients)
}

// TestMissedTooMuch: one subscribe with an old id, however much that is behind,
// costs Redis hardly more than what may wait for a client, once, and keeps nobody
// else from publishing.
func TestMissedTooMuch(t *testing.T) {
	for _, keep := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint("kept for ", keep), func(t *testing.T) {
			e, srv := onOwnRedis(t)
			e.set("first", e.publish(t, hotsock.Message{Channel: "room", Event: "first", Store: keep}).ID)
			e.fillRoom(t, 990, keep)
			c := e.connectTo(t, 0, user("Jim", everything))

			before := billOf(t, srv)
			const subscribe = `{"event":"hotsock.subscribe","channel":"room","data":{"after":"$first"}}`
			c.send(subscribe)
			failed, slowest := 0, time.Duration(0)
			for range 60 {
				began := time.Now()
				if _, err := e.nodes[1].Publish(t.Context(), hotsock.Message{Channel: "elsewhere", Event: "e"}); err != nil {
					failed++
				}
				slowest = max(slowest, time.Since(began))
				await.Pass(50*time.Millisecond, "until the next publish")
			}
			cost := billOf(t, srv).since(before)
			t.Logf("%v of CPU, %d bytes, %d of 60 publishes failed, the slowest took %v", cost.cpu, cost.sent, failed, slowest)
			if failed > 1 {
				t.Errorf("%d of 60 publishes on another node failed", failed)
			}
			if cost.sent > 6<<20 {
				t.Errorf("Redis sent %d bytes", cost.sent)
			}
			c.expect(`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`)

			// Again and again it costs next to nothing.
			before = billOf(t, srv)
			for range 20 {
				c.do(subscribe, `{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`)
			}
			if cost := billOf(t, srv).since(before); cost.sent > 1<<20 {
				t.Errorf("asked for 20 times more, Redis sent %d bytes", cost.sent)
			}
			e.quiet(t, "room", c)
		})
	}
}
