package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	sinkredis "github.com/hotsock-go/hotsock/sink_redis"
	"github.com/hotsock-go/hotsock/webhook"
)

// sinks are where events go, as the flags say.
type sinks struct {
	all []hotsock.EventSink
	// closers are called when the handler has been shut down.
	closers []func(ctx context.Context) error
}

// close writes and sends what is queued, until ctx ends.
func (s *sinks) close(ctx context.Context) error {
	var errs []error
	for _, f := range s.closers {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// openSinks opens them; the client is nil without a Redis. What was opened
// before an error is to be closed, too.
func openSinks(c *config, client redis.UniversalClient) (*sinks, error) {
	s := new(sinks)
	if c.events != "" {
		file, err := openEvents(c.events)
		if err != nil {
			return s, err
		}
		s.add(file, file.close)
	}
	if c.eventStream != "" {
		if client == nil {
			return s, errors.New("-event-stream needs -redis")
		}
		stream, err := sinkredis.New(client, sinkredis.Options{Stream: c.eventStream, Logger: slog.Default()})
		if err != nil {
			return s, fmt.Errorf("-event-stream: %w", err)
		}
		s.add(stream, stream.Shutdown)
	}
	if len(c.webhooks) > 0 {
		hooks, err := openWebhooks(c)
		if err != nil {
			return s, fmt.Errorf("-webhook: %w", err)
		}
		s.add(hooks, hooks.Shutdown)
	}
	return s, nil
}

func (s *sinks) add(sink hotsock.EventSink, closer func(ctx context.Context) error) {
	s.all = append(s.all, sink)
	s.closers = append(s.closers, closer)
}

func openWebhooks(c *config) (*webhook.Sink, error) {
	o := webhook.Options{AllowHTTP: c.webhookInsecure, Logger: slog.Default()}
	var keys []webhook.Key
	for _, text := range c.webhookKeys {
		k, err := webhook.ParseKey(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	for _, url := range c.webhooks {
		o.Endpoints = append(o.Endpoints, webhook.Endpoint{URL: url, Keys: keys})
	}
	if c.webhookInsecure {
		o.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	return webhook.New(o)
}
