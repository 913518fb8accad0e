package storeredis

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// checkClient refuses clients with which the store would not work: those that
// ask another server than the master of a key, and those that wait for ever on a
// dead connection.
func checkClient(client redis.UniversalClient) error {
	errNone := errors.New("storeredis: no client")
	switch c := client.(type) {
	case nil:
		return errNone
	case *redis.Client:
		if c == nil {
			return errNone
		}
		o := c.Options()
		if o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
			return errors.New("storeredis: the client caches what it reads, and has the server track all of it: " +
				"give the store a client without ClientSideCacheConfig and ClientSideCache")
		}
		return checkTimeout(o.ContextTimeoutEnabled || o.ReadTimeout > 0)
	case *redis.ClusterClient:
		if c == nil {
			return errNone
		}
		o := c.Options()
		// Each of the others sets ReadOnly, too.
		if o.ReadOnly {
			return errors.New("storeredis: the client reads from replicas, which may be stale: " +
				"ClusterOptions must have neither ReadOnly nor RouteByLatency nor RouteRandomly, and Sentinel needs redis.NewFailoverClient")
		}
		return checkTimeout(o.ContextTimeoutEnabled || o.ReadTimeout > 0)
	case *redis.Ring:
		return errors.New("storeredis: a redis.Ring is not supported: it spreads keys over servers that do not know each other; " +
			"use redis.NewClusterClient with a cluster, or redis.NewClient with one server")
	default:
		return fmt.Errorf("storeredis: a %T is not supported: "+
			"use redis.NewClient, redis.NewFailoverClient for Sentinel or redis.NewClusterClient for a cluster", client)
	}
}

func checkTimeout(bounded bool) error {
	if !bounded {
		return errors.New("storeredis: the client waits for ever on a dead connection: " +
			"set ContextTimeoutEnabled, or a ReadTimeout")
	}
	return nil
}
