package storeredis

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// check finds out whether Redis can be used.
func (s *Store) check(ctx context.Context) error {
	servers, err := s.ask(ctx)
	if err != nil {
		return err
	}
	for addr, info := range servers {
		if err := s.checkServer(addr, parseInfo(info)); err != nil {
			return err
		}
	}
	return s.checkPermissions(ctx)
}

// ask returns what INFO says, by address: that of the server, or of all masters
// of a cluster that answer within half of the time. This is the one place that
// asks with the client itself: the rest of the store waits no longer than its
// context lasts, this no longer than the client's timeouts.
func (s *Store) ask(ctx context.Context) (map[string]string, error) {
	if c, ok := s.client.(*redis.Client); ok {
		info, err := within(ctx, func() (string, error) { return c.Info(ctx).Result() })
		if err != nil {
			return nil, unavailable(err, nil)
		}
		s.topo.identity.begin(parseInfo(info)["run_id"])
		return map[string]string{c.Options().Addr: info}, nil
	}
	type answer struct {
		addr, info string
		err        error
	}
	answers := make(chan answer)
	half, cancel := context.WithTimeout(ctx, time.Until(deadlineOf(ctx))/2)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- s.topo.cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
			info, err := c.Info(ctx).Result()
			select {
			case answers <- answer{c.Options().Addr, info, err}:
			case <-half.Done():
			}
			return nil // One that is missing is no reason not to ask the others.
		})
	}()
	servers := make(map[string]string)
	for {
		select {
		case a := <-answers:
			if a.err != nil {
				s.log.Warn("a master cannot be checked", "server", a.addr, "err", a.err)
				continue
			}
			servers[a.addr] = a.info
			continue
		case err := <-done:
			if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
				return nil, errNoCluster
			}
			if err != nil {
				return nil, unavailable(err, nil)
			}
		case <-half.Done():
			s.log.Warn("not all masters could be checked", "err", half.Err())
		}
		if len(servers) == 0 {
			return nil, unavailable(errors.New("no master of the cluster answers"), ctx.Err())
		}
		return servers, nil
	}
}

var errNoCluster = errors.New("storeredis: the client is for a cluster, and the server belongs to none: " +
	"use redis.NewClient, or redis.NewFailoverClient for Sentinel")

// unsupported are servers that speak the protocol and lack something that is
// needed, by what their INFO has: scripts on keys of several partitions, for
// instance, or an order of what is published and what is written.
var unsupported = map[string]string{
	"dragonfly_version": "Dragonfly",
	"garnet_version":    "Garnet",
	"kvrocks_version":   "Kvrocks",
}

// checkServer refuses a server that cannot be used, by what its INFO says.
func (s *Store) checkServer(addr string, info map[string]string) error {
	for field, name := range unsupported {
		if info[field] != "" {
			return fmt.Errorf("storeredis: the server at %s is %s, which is not supported: use Redis or Valkey", addr, name)
		}
	}
	cluster := s.topo.cluster != nil
	switch {
	case info["role"] == "active-replica":
		return fmt.Errorf("storeredis: the server at %s is an active replica: there must be one master that accepts writes", addr)
	case !cluster && info["role"] == "slave":
		return unavailable(fmt.Errorf("storeredis: the server at %s is a replica, which accepts no writes: the client must lead to the master, "+
			"with Sentinel by redis.NewFailoverClient without ReplicaOnly, or redis.NewUniversalClient without ReadOnly", addr), nil)
	case cluster && info["cluster_enabled"] == "0":
		return errNoCluster
	case !cluster && info["cluster_enabled"] == "1":
		return fmt.Errorf("storeredis: the server at %s belongs to a cluster: use redis.NewClusterClient", addr)
	}
	if v := info["redis_version"]; v == "" {
		s.log.Warn("the version of Redis is not known", "server", addr)
	} else if err := checkVersion(v, cluster); err != nil {
		return err
	}
	// What is evicted would be missing without anyone being told.
	if p := info["maxmemory_policy"]; p == "" {
		s.log.Warn("cannot check that maxmemory-policy is noeviction", "server", addr)
	} else if p != "noeviction" {
		return fmt.Errorf("storeredis: maxmemory-policy of %s is %s, noeviction is needed", addr, p)
	}
	return nil
}

// commandsCalled returns the commands that scripts call.
var commandsCalled = sync.OnceValue(func() []string {
	names := slices.Clone(readCommands)
	files, err := fs.Glob(sources, "lua/*.lua")
	if err != nil {
		panic(err) // The pattern is malformed: a bug.
	}
	for _, file := range files {
		src, err := sources.ReadFile(file)
		if err != nil {
			panic(err) // A file that was embedded is not there: a bug.
		}
		for _, m := range regexp.MustCompile(`redis\.p?call\('([A-Z]+)'`).FindAllSubmatch(src, -1) {
			if name := string(m[1]); name != "PUBLISH" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
})

// checkPermissions proves that scripts run, and that the user may call all that
// they call: a script that is stopped in the middle would leave half of its work.
func (s *Store) checkPermissions(ctx context.Context) error {
	topics, keys := []string{"PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"}, []any{s.keys.leases(0)}
	if s.topo.bySlot() {
		topics = append(topics, "SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE")
	}
	args := []any{s.keys.control(""), strconv.Itoa(len(topics))}
	for _, name := range append(topics, commandsCalled()...) {
		args = append(args, name)
	}
	if !s.topo.bySlot() {
		for p := 1; p < partitions; p++ {
			keys = append(keys, s.keys.leases(p)) // Other scripts have keys of several partitions, too.
		}
	}
	r, err := s.do(ctx, call{script: permitsScript, part: 0, keys: keys, args: args})
	if err != nil && strings.Contains(err.Error(), "CROSSSLOT") {
		return fmt.Errorf("storeredis: the server says that it is no cluster, but spreads keys over servers, as some proxies do: "+
			"use redis.NewClusterClient with the servers themselves: %w", err)
	}
	if err != nil {
		return err
	}
	denied, err := r.list(0)
	if err != nil {
		return err
	}
	if len(denied) > 0 {
		return fmt.Errorf("storeredis: the user of Redis may not call %s, with keys and channels that begin with %q",
			strings.Join(denied, ", "), s.keys.prefix)
	}
	return nil
}

func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

func parseInfo(info string) map[string]string {
	values := make(map[string]string)
	for line := range strings.SplitSeq(info, "\n") {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			values[k] = v
		}
	}
	return values
}

func checkVersion(v string, cluster bool) error {
	head, rest, _ := strings.Cut(v, ".")
	minor, _, _ := strings.Cut(rest, ".")
	major, err1 := strconv.Atoi(head)
	second, err2 := strconv.Atoi(minor)
	known := err1 == nil && err2 == nil
	switch {
	case !known: // Some other server that speaks the protocol; the scripts will tell.
	case major < 6 || (major == 6 && second < 2):
		return fmt.Errorf("storeredis: Redis is version %s, 6.2 or later is needed", v)
	case cluster && major < 7:
		return fmt.Errorf("storeredis: Redis is version %s, a cluster needs 7.0 or later", v)
	}
	return nil
}
