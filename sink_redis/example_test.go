package sinkredis_test

import (
	"context"
	"fmt"
	"log"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	sinkredis "github.com/hotsock-go/hotsock/sink_redis"
)

// A node writes its events to a stream, and a worker handles them.
func Example() {
	server, err := miniredis.Run() // where you have a real one
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	// The node.
	stream, err := sinkredis.New(client, sinkredis.Options{})
	if err != nil {
		log.Fatal(err)
	}
	rt, err := hotsock.New(hotsock.Options{
		Keys:   []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte("a secret of at least 32 bytes ...")}},
		Events: stream,
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = rt.Publish(context.Background(), hotsock.Message{Channel: "orders", Event: "order.shipped", Data: 17, EmitEvent: true})
	if err != nil {
		log.Fatal(err)
	}
	// First the handler, which hands out its last events, then the sink.
	if err := rt.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	if err := stream.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}

	// The worker, which is another process as a rule.
	ctx, stop := context.WithCancel(context.Background())
	err = sinkredis.Consume(ctx, client, sinkredis.ConsumeOptions{Group: "mailer"},
		func(_ context.Context, d sinkredis.Delivery) error {
			fmt.Println(d.Event.Type, d.Event.Metadata.Channel, "attempt", d.Attempt)
			stop() // so that the example ends
			return nil
		})
	if err != nil {
		log.Fatal(err)
	}
	// Output: hotsock.messagePublished orders attempt 1
}
