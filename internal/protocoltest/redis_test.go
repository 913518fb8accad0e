package protocoltest

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// redis is one server for all tests, each of which has keys of its own there.
var redis redisServer

type redisServer struct {
	// What redistest wants of a test, here of all of them.
	testing.TB

	once     sync.Once
	server   *redistest.Server
	dir      string
	cleanups []func()
	prefixes atomic.Int64
}

// onRedis gives each of two nodes a client of its own, as if they were
// processes.
func onRedis(t *testing.T) []store.Store {
	t.Helper()
	need.Program(t, "redis-server", "redis-server")
	redis.once.Do(func() { redis.server = redistest.StartServer(&redis) })
	if redis.server == nil {
		t.Fatal("there is no Redis server")
	}
	prefix := fmt.Sprintf("test%d:", redis.prefixes.Add(1))
	stores := make([]store.Store, 2)
	for i := range stores {
		client := goredis.NewClient(&goredis.Options{
			Addr: redis.server.Addr, ContextTimeoutEnabled: true,
			DialTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		})
		t.Cleanup(func() { _ = client.Close() })
		s, err := storeredis.New(client, storeredis.Options{KeyPrefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		stores[i] = s
	}
	return stores
}

// end stops the server, if it was started.
func (r *redisServer) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	if r.dir != "" {
		_ = os.RemoveAll(r.dir)
	}
}

func (r *redisServer) Helper()          {}
func (r *redisServer) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *redisServer) TempDir() string {
	dir, err := os.MkdirTemp("", "protocoltest")
	if err != nil {
		r.Fatal(err)
	}
	r.dir = dir
	return dir
}

func (r *redisServer) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (r *redisServer) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
