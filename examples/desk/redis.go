package main

import (
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/store"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// openStore connects to the Redis that the nodes of the desk share. Without a URL there
// is one node, and its state is in memory. The caller closes the store when no node
// uses it any more.
func openStore(url string) (s store.Store, closeStore func(), err error) {
	if url == "" {
		return nil, func() {}, nil
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	o.ContextTimeoutEnabled = true // a dead connection costs a call no more than its time
	client := redis.NewClient(o)
	s, err = storeredis.New(client, storeredis.Options{KeyPrefix: "desk:"})
	return s, func() { _ = client.Close() }, err
}
