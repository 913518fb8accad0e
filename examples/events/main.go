// Command events is the other end of backend events: a worker that takes them
// from a Redis stream, or a receiver of webhooks. It prints them as lines of
// JSON.
//
//	go run ./examples/server -hs256-secret "$SECRET" -redis redis://127.0.0.1:6379 -event-stream hotsock:events
//	go run ./examples/events -redis redis://127.0.0.1:6379
//
// Or, with a key that -new-key prints:
//
//	go run ./examples/server -hs256-secret "$SECRET" -webhook http://127.0.0.1:9000 -webhook-key "$KEY" -webhook-insecure
//	go run ./examples/events -receive 127.0.0.1:9000 -key "$KEY"
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	sinkredis "github.com/hotsock-go/hotsock/sink_redis"
	"github.com/hotsock-go/hotsock/webhook"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var (
		address = flag.String("redis", "", "be a worker of the Redis at this `URL`")
		stream  = flag.String("stream", "hotsock:events", "the stream's `key`")
		group   = flag.String("group", "workers", "the worker's `group`: each gets all events, and shares them among its workers")
		receive = flag.String("receive", "", "receive webhooks at this `host:port`")
		key     = flag.String("key", "", "the `key` that they are signed with, whsec_... or whpk_...")
		newKey  = flag.Bool("new-key", false, "print a new key and exit")
	)
	flag.Parse()
	var err error
	switch {
	case *newKey:
		fmt.Fprintln(os.Stdout, webhook.NewSecret())
	case *address != "":
		err = work(ctx, *address, *stream, *group)
	case *receive != "":
		err = listen(ctx, *receive, *key)
	default:
		err = errors.New("-redis or -receive is required")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// output is what several handlers print to.
var output = struct {
	sync.Mutex
	*json.Encoder
}{Encoder: json.NewEncoder(os.Stdout)}

func show(e hotsock.Event) error {
	output.Lock()
	defer output.Unlock()
	return output.Encode(e)
}

// work handles events until ctx ends.
func work(ctx context.Context, address, stream, group string) error {
	o, err := redis.ParseURL(address)
	if err != nil {
		return err
	}
	client := redis.NewClient(o)
	defer client.Close()
	return sinkredis.Consume(ctx, client, sinkredis.ConsumeOptions{
		Stream: stream, Group: group, Concurrency: 8, Logger: slog.Default(),
	}, func(_ context.Context, d sinkredis.Delivery) error {
		return show(d.Event)
	})
}

// maxBody is longer than any event.
const maxBody = 1 << 20

// listen receives webhooks until ctx ends.
func listen(ctx context.Context, addr, keyText string) error {
	key, err := webhook.ParseKey(keyText)
	if err != nil {
		return err
	}
	s := &http.Server{
		Addr: addr, ReadTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receiveHook(w, r, key) }),
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- s.Shutdown(context.WithoutCancel(ctx)) })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func receiveHook(w http.ResponseWriter, r *http.Request, key webhook.Key) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	if err := webhook.Verify(r.Header, body, key); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	// An app would look up e.ID here, and do nothing if it is known.
	var e hotsock.Event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	if err := show(e); err != nil {
		http.Error(w, "cannot be handled now", http.StatusInternalServerError)
	}
}
