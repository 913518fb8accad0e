package storeredis

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// check finds out whether Redis can be used, and whether it is a cluster.
func (s *Store) check(ctx context.Context) (cluster bool, err error) {
	// This is the one place that asks with the client itself: the rest of the
	// store waits no longer than its context lasts, this no longer than the
	// client's timeouts.
	info, err := within(ctx, func() (string, error) { return s.client.Info(ctx).Result() })
	if err != nil {
		return false, unavailable(err, nil)
	}
	values := parseInfo(info)
	cluster = s.topo.clusterClient() != nil
	if cluster && values["cluster_enabled"] == "0" {
		s.topo.notCluster()
		cluster = false
	}
	if values["cluster_enabled"] == "0" {
		s.topo.allowAnySlot()
	}
	if v := values["redis_version"]; v == "" {
		s.log.Warn("the version of Redis is not known")
	} else if err := checkVersion(v, cluster); err != nil {
		return false, err
	}
	if err := s.checkEviction(ctx); err != nil {
		return false, err
	}
	return cluster, s.checkPermissions(ctx, cluster)
}

// commandsCalled returns the commands that scripts call by name.
var commandsCalled = sync.OnceValue(func() []string {
	var names []string
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
func (s *Store) checkPermissions(ctx context.Context, cluster bool) error {
	topics := []string{"PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"}
	if cluster {
		topics = append(topics, "SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE")
	}
	args := []any{s.keys.bus(""), strconv.Itoa(len(topics))}
	for _, name := range append(topics, commandsCalled()...) {
		args = append(args, name)
	}
	r, err := s.do(ctx, call{script: permitsScript, part: 0, keys: []any{s.keys.leases(0)}, args: args})
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

// checkEviction refuses servers that may drop keys when memory is short: what
// is dropped would be missing without anyone being told.
func (s *Store) checkEviction(ctx context.Context) error {
	one := func(ctx context.Context, c *redis.Client) error {
		got, err := c.ConfigGet(ctx, "maxmemory-policy").Result()
		if err != nil {
			s.log.Warn("cannot check that maxmemory-policy is noeviction", "server", c.Options().Addr, "err", err)
			return nil
		}
		if p := got["maxmemory-policy"]; p != "noeviction" {
			return fmt.Errorf("storeredis: maxmemory-policy of %s is %s, noeviction is needed", c.Options().Addr, p)
		}
		return nil
	}
	_, err := within(ctx, func() (struct{}, error) {
		if cluster := s.topo.clusterClient(); cluster != nil {
			return struct{}{}, cluster.ForEachMaster(ctx, one)
		}
		if c, ok := s.client.(*redis.Client); ok {
			return struct{}{}, one(ctx, c)
		}
		return struct{}{}, nil
	})
	return err
}
