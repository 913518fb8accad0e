package hotsock_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"

	"github.com/hotsock-go/hotsock"
)

// Events in a Go channel: the handler's own queue is the buffer.
func ExampleEventSinkFunc_channel() {
	events := make(chan hotsock.Event)
	rt, err := hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte("a secret of at least 32 bytes ...")}},
		Events: hotsock.EventSinkFunc(func(ctx context.Context, e hotsock.Event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done(): // the handler is closed
				return ctx.Err()
			}
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	_, err = rt.Publish(context.Background(), hotsock.Message{Channel: "c", Event: "greeting", Data: "hi", EmitEvent: true})
	if err != nil {
		log.Fatal(err)
	}
	e := <-events
	fmt.Println(e.Type, e.Metadata.Channel, string(e.Data.(hotsock.EventMessageData).Data))
	// Output: hotsock.messagePublished c "hi"
}

// Several sinks, none of which can hold up another.
func ExampleEventSinks() {
	counts := make(map[string]int) // used by one goroutine only
	counting := hotsock.EventSinkFunc(func(_ context.Context, e hotsock.Event) error {
		counts[e.Type]++
		return nil
	})
	failing := hotsock.EventSinkFunc(func(context.Context, hotsock.Event) error {
		return errors.New("no")
	})
	rt, err := hotsock.New(hotsock.Options{
		Keys:   []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte("a secret of at least 32 bytes ...")}},
		Events: hotsock.EventSinks(failing, counting),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		_, err = rt.Publish(context.Background(), hotsock.Message{Channel: "c", Event: "greeting", EmitEvent: true})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := rt.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(counts)
	// Output: map[hotsock.messagePublished:3]
}
