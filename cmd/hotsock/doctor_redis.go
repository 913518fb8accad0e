package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
	"github.com/hotsock-go/hotsock/token"
)

const (
	pings        = 20
	slowRedis    = 5 * time.Millisecond // of the median: every publish waits for it
	fullRedis    = 0.8                  // of its memory
	redisTimeout = 2 * time.Second      // as a server would have it
)

// redis finds out whether a Redis can carry an installation, by running a node of one.
func (x *doctor) redis(ctx context.Context, address string) {
	const name = "redis"
	c, err := dialRedis(address)
	if err != nil {
		x.fail(name, fmt.Sprintf("The address of Redis is wrong: %v.", err), "Give redis://user:password@host:6379, rediss:// for TLS, with ?addr=host:port for each further server\nof a cluster, or with ?master_name=name and the addresses of Sentinels.")
		return
	}
	defer c.Close()
	if u, err := url.Parse(address); err == nil {
		if password, ok := u.User.Password(); ok {
			x.s.hide(password)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, max(x.timeout, redisTimeout))
	defer cancel()
	if err := x.node(ctx, c); err != nil {
		x.fail(name, fmt.Sprintf("No node can start: %v.", err), "docs/redis.md says what is needed: the version, the eviction policy, the client and the permissions.")
		return
	}
	x.latency(ctx, c)
	x.memory(ctx, c)
}

// quiet keeps go-redis from writing to the terminal. It is for the whole process.
func quiet() { redis.SetLogger(silentLogger{}) }

type silentLogger struct{}

func (silentLogger) Printf(context.Context, string, ...any) {}

func dialRedis(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it cannot be parsed") // the error quotes it
	}
	q := u.Query()
	switch {
	case q.Has("master_name"):
		o, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = true, redisTimeout, redisTimeout, redisTimeout
		return redis.NewFailoverClient(o), nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = true, redisTimeout, redisTimeout, redisTimeout
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.WriteTimeout = true, redisTimeout, redisTimeout, redisTimeout
	return redis.NewClient(o), nil
}

// node runs one for a moment, in an installation of its own. Starting checks version,
// policy, permissions and kind of the servers; and a message shows that it is heard.
func (x *doctor) node(ctx context.Context, c redis.UniversalClient) error {
	prefix := x.keyPrefix + "doctor-" + newID() + ":"
	st, err := storeredis.New(c, storeredis.Options{KeyPrefix: prefix})
	if err != nil {
		return err
	}
	// The one key that outlives such a node; what else it writes expires.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisTimeout)
		defer cancel()
		_ = c.Unlink(ctx, prefix+"{p00}:format").Err() // It is small.
	}()
	rt, err := hotsock.New(hotsock.Options{
		Store: st, Logger: slog.New(slog.DiscardHandler), StoreTimeout: redisTimeout,
		Keys: []token.Key{{Algorithm: token.HS256, Secret: newSecret()}},
	})
	if err != nil {
		return err
	}
	defer rt.Close()
	if err := rt.Ready(ctx); err != nil {
		return err
	}
	_, err = rt.Publish(ctx, hotsock.Message{Channel: "check", Event: "check"})
	if err == nil {
		x.ok("redis", "a node starts, writes and hears itself; version, eviction policy and permissions are right")
	}
	return err
}

// latency measures round trips, and compares the clocks.
func (x *doctor) latency(ctx context.Context, c redis.UniversalClient) {
	var took []time.Duration
	for range pings {
		began := time.Now()
		if err := c.Ping(ctx).Err(); err != nil {
			x.fail("latency", fmt.Sprintf("Redis does not answer a PING: %v.", err), "See its log, and the network.")
			return
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	median, longest := took[pings/2].Round(10*time.Microsecond), took[pings-1].Round(10*time.Microsecond)
	if median > slowRedis {
		x.warn("latency", fmt.Sprintf("A round trip to Redis takes %v, at most %v.", median, longest),
			"Run this where the nodes run. If it is so there, move Redis nearer: each publish waits for a round trip.")
	} else {
		x.ok("latency", "a round trip to Redis takes %v, at most %v", median, longest)
	}
	began := time.Now()
	at, err := c.Time(ctx).Result()
	if err != nil {
		x.warn("redis clock", fmt.Sprintf("Redis does not tell the time: %v.", err), "Permit TIME, which nodes need.")
		return
	}
	h := handshake{skew: at.Sub(began.Add(time.Since(began) / 2))}
	if h.skew.Abs() > skewOdd {
		x.warn("redis clock", fmt.Sprintf("The clock of Redis and this machine's differ by %v.", h.skew.Round(time.Second/10)),
			"Synchronise them: the ids of messages have the time of Redis in them, and tokens that of the app.")
		return
	}
	x.ok("redis clock", "differs by less than %v", skewOdd)
}

// memory looks at what INFO says of memory and persistence.
func (x *doctor) memory(ctx context.Context, c redis.UniversalClient) {
	text, err := c.Info(ctx).Result()
	if err != nil {
		x.skip("memory", "Redis does not tell: "+err.Error())
		return
	}
	info := infoOf(text)
	used, _ := strconv.ParseFloat(info["used_memory"], 64) // 0 is not known
	most, _ := strconv.ParseFloat(info["maxmemory"], 64)
	switch {
	case most > 0 && used > fullRedis*most:
		x.warn("memory", fmt.Sprintf("Redis uses %.0f%% of its maxmemory.", 100*used/most), "Raise maxmemory, or keep messages for less long: a full Redis refuses to write, and nothing is published.")
	case most == 0:
		x.warn("memory", "Redis has no maxmemory: the kernel ends it when the machine's memory is full.", "Set maxmemory, with room for copying on write.")
	default:
		x.ok("memory", "Redis uses %.0f%% of its maxmemory", 100*used/most)
	}
	if info["aof_enabled"] == "0" {
		x.warn("saving", "Redis writes no log of what changes (appendonly no): a restart loses what was stored since the last snapshot.", "Set appendonly yes, if stored messages are to survive.")
	} else if info["aof_enabled"] == "1" {
		x.ok("saving", "appendonly is on")
	}
}

// infoOf reads the answer to INFO.
func infoOf(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
