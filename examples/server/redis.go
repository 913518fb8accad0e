package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// redisTimeout is how long a connection may take to be made or to answer before
// it is given up. Operations end before, with the handler's StoreTimeout.
const redisTimeout = 2 * time.Second

// useRedis makes the Redis at the URL the store. It is a cluster if the URL
// names further servers of it, as in redis://a:6379?addr=b:6379&addr=c:6379; and
// the addresses are those of Sentinels if it names what they watch, as in
// redis://a:26379?addr=b:26379&master_name=main. The client is to be closed when
// the handler has been shut down.
func useRedis(o *hotsock.Options, address, prefix string) (redis.UniversalClient, error) {
	client, err := dialRedis(address)
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	st, err := storeredis.New(client, storeredis.Options{KeyPrefix: prefix, Logger: slog.Default()})
	if err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	if err := client.Ping(context.Background()).Err(); err != nil {
		return nil, fmt.Errorf("-redis: %w", err)
	}
	o.Store = st
	return client, nil
}

func dialRedis(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the URL, which may have a password in it
		}
		return nil, err
	}
	if u.Query().Has("master_name") {
		opts, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, err
		}
		opts.ContextTimeoutEnabled = true
		opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
		return redis.NewFailoverClient(opts), nil
	}
	if u.Query().Has("addr") {
		opts, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, err
		}
		opts.ContextTimeoutEnabled = true
		opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
		return redis.NewClusterClient(opts), nil
	}
	opts, err := redis.ParseURL(address)
	if err != nil {
		return nil, err
	}
	opts.ContextTimeoutEnabled = true
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = redisTimeout, redisTimeout, redisTimeout
	return redis.NewClient(opts), nil
}
