package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// useRedis makes the Redis at the URL the store. The client is to be closed
// when the handler has been shut down.
func useRedis(o *hotsock.Options, url, prefix string) (redis.UniversalClient, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	client := redis.NewClient(opts)
	st, err := storeredis.New(client, storeredis.Options{KeyPrefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	if err := client.Ping(context.Background()).Err(); err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	o.Store = st
	return client, nil
}
