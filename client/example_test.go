package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/hotsock-go/hotsock/client"
)

// A service that follows a channel and publishes on it.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	url, fetchToken, stop := exampleServer("Jim")
	defer stop()

	c, err := client.New(client.Options{
		URL:   url,        // "https://app.example.com/rt"
		Token: fetchToken, // func(context.Context) (string, error)
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	sub, err := c.Subscribe(ctx, "room.7", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Publish(ctx, "room.7", "chat", "Hello!"); err != nil {
		log.Fatal(err)
	}
	event, err := sub.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if m, ok := event.(client.Message); ok {
		fmt.Println(m.From.UID, "says", string(m.Data))
	}
	// Output: Jim says "Hello!"
}

// One loop receives everything that happens on a channel.
func ExampleSubscription_Next() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	sub, err := c.Subscribe(ctx, "room.7", nil)
	if err != nil {
		log.Fatal(err)
	}
	receive := func() error {
		for {
			event, err := sub.Next(ctx)
			if err != nil {
				return err
			}
			switch e := event.(type) {
			case client.Message:
				fmt.Println("message", e.Event, string(e.Data))
			case client.Update:
				fmt.Println("updated", e.MessageID, string(e.Data))
			case client.Deletion:
				fmt.Println("deleted", e.MessageID)
			case client.Reaction:
				fmt.Println("reaction", e.Reaction, e.Removed)
			case client.MemberChange:
				fmt.Println("member", e.Kind, e.Member.UID, "of", len(e.Members))
			case client.Entry:
				fmt.Println("stored", e.Key, string(e.Data))
			case client.Gap:
				fmt.Println("something may be missing after", e.After)
			}
		}
	}

	if err := c.SetStorage(ctx, "room.7", "topic", "Lunch"); err != nil {
		log.Fatal(err)
	}
	id, err := c.Publish(ctx, "room.7", "chat", "Pizza?")
	if err != nil {
		log.Fatal(err)
	}
	if err := sub.React(ctx, id, "👍"); err != nil {
		log.Fatal(err)
	}
	if err := sub.Unsubscribe(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(errors.Is(receive(), client.ErrUnsubscribed))
	// Output:
	// stored topic "Lunch"
	// message chat "Pizza?"
	// reaction 👍 false
	// true
}

// A page's "how many are watching".
func ExampleSubscribeOptions() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	show := func(watching int) {
		fmt.Println(watching, "are watching")
		cancel()
	}
	watch := func() error {
		sub, err := c.Subscribe(ctx, "room.7", &client.SubscribeOptions{Info: true})
		if err != nil {
			return err
		}
		for {
			event, err := sub.Next(ctx)
			if err != nil {
				return err
			}
			if info, ok := event.(client.ChannelInfo); ok {
				show(info.Subscriptions)
			}
		}
	}
	fmt.Println(watch())
	// Output:
	// 1 are watching
	// context canceled
}

// A program that reads an answer while it is written. A message that is complete comes in
// one piece.
func ExampleSubscription_Stream() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()
	sub, err := c.Subscribe(ctx, "room.7", nil)
	if err != nil {
		log.Fatal(err)
	}
	id, err := c.Publish(ctx, "room.7", "chat", "Pizza is round.")
	if err != nil {
		log.Fatal(err)
	}

	read := func() error {
		for text, err := range sub.Stream(ctx, id) {
			if ended, ok := errors.AsType[*client.StreamError](err); ok {
				return fmt.Errorf("the answer is %s", ended.State)
			}
			if err != nil {
				return err
			}
			fmt.Println(text)
		}
		return nil
	}
	fmt.Println(read())
	// Output:
	// Pizza is round.
	// <nil>
}

// A program that begins with the newest messages.
func ExampleSubscription_Rewound() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()
	before, err := c.Subscribe(ctx, "room.7", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"Hello", "Pizza?", "Pasta!"} {
		if _, err := c.Publish(ctx, "room.7", "chat", text); err != nil {
			log.Fatal(err)
		}
	}
	if err := before.Unsubscribe(ctx); err != nil {
		log.Fatal(err)
	}

	sub, err := c.Subscribe(ctx, "room.7", &client.SubscribeOptions{Rewind: 2})
	if err != nil {
		log.Fatal(err)
	}
	if _, more := sub.Rewound(); more {
		fmt.Println("There are older messages.")
	}
	for range 2 {
		event, err := sub.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if m, ok := event.(client.Message); ok {
			fmt.Printf("%s\n", m.Data)
		}
	}
	// Output:
	// There are older messages.
	// "Pizza?"
	// "Pasta!"
}

// The three things that can become of a publish.
func ExampleClient_Publish() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	_, err := c.Publish(ctx, "announcements", "news", "We have moved.")
	var refused *client.Error
	switch {
	case err == nil:
		fmt.Println("accepted")
	case errors.Is(err, client.ErrUnknownOutcome):
		fmt.Println("accepted or not: who publishes it again may publish it twice")
	case errors.As(err, &refused):
		fmt.Println("not accepted:", refused.Code)
	default:
		fmt.Println("not sent:", err)
	}
	// Output: not accepted: PUBLISH_PERMISSION_DENIED
}

// The last messages, newest first.
func ExampleSubscription_History() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	sub, err := c.Subscribe(ctx, "room.7", nil)
	if err != nil {
		log.Fatal(err)
	}
	for n := range 5 {
		if _, err := c.Publish(ctx, "room.7", "chat", n); err != nil {
			log.Fatal(err)
		}
	}
	shown := 0
	for m, err := range sub.History(ctx, &client.HistoryOptions{Reverse: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(m.Data))
		if shown++; shown == 3 {
			break
		}
	}
	// Output:
	// 4
	// 3
	// 2
}

// Who is there.
func ExampleSubscription_Members() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	lobby, err := c.Subscribe(ctx, "presence.lobby", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, member := range lobby.Members() {
		fmt.Println(member.UID)
	}
	// Output: Jim
}

// A reminder that is not needed after all.
func ExampleClient_PublishAt() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	if _, err := c.Subscribe(ctx, "room.7", nil); err != nil {
		log.Fatal(err)
	}
	arn, err := c.PublishAt(ctx, time.Now().Add(time.Hour), "room.7", "reminder", "Standup")
	if err != nil {
		log.Fatal(err)
	}
	err = c.CancelSchedule(ctx, arn)
	fmt.Println(err)
	// Output: <nil>
}

// A shared value, for those who only want to look at it once.
func ExampleClient_Storage() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	if err := c.SetStorage(ctx, "room.7", "topic", "Lunch"); err != nil {
		log.Fatal(err)
	}
	entry, err := c.Storage(ctx, "room.7", "topic")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(entry.Data), "by", entry.By.UID)
	// Output: "Lunch" by Jim
}

// A list that several users change at once, without losing anybody's change.
func ExampleClient_UpdateStorage() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, stop := connected("Jim")
	defer stop()

	vote := func(e client.Entry) (any, error) {
		var voters []string
		if err := json.Unmarshal(e.Data, &voters); err != nil {
			return nil, err
		}
		return append(voters, "Jim"), nil
	}
	if err := c.UpdateStorage(ctx, "room.7", "voters", vote); err != nil {
		log.Fatal(err)
	}
	total, err := c.AddStorage(ctx, "room.7", "votes", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("votes:", total)
	// Output: votes: 1
}

// A token function can say that there is no use in trying again.
func ExamplePermanent() {
	errSignedOut := errors.New("signed out")
	c, err := client.New(client.Options{
		URL: "https://app.example.com/rt",
		Token: func(context.Context) (string, error) {
			return "", client.Permanent(errSignedOut)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	err = c.Connect(context.Background())
	fmt.Println(errors.Is(err, errSignedOut))
	// Output: true
}
