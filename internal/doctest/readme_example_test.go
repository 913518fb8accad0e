package doctest

// The README shows parts of this file; TestReadmeCode compares them.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

var (
	key  = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("an example's secret of 32 bytes.")}
	user = "jim"
)

func Example_mount() {
	mux := http.NewServeMux()

	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)

	server := &http.Server{Handler: mux}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = errors.Join(server.Shutdown(ctx), rt.Shutdown(ctx))

	fmt.Println(err)
	// Output: <nil>
}

func Example_redis() { //nolint:testableexamples // It needs a Redis.
	client := redis.NewClient(&redis.Options{
		Addr:                  "127.0.0.1:6379",
		ContextTimeoutEnabled: true,
	})
	st, err := storeredis.New(client, storeredis.Options{})
	if err != nil {
		log.Fatal(err)
	}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}, Store: st})

	fmt.Println(rt, err)
}

func Example_tokens() {
	now := time.Now()

	// A room with chat: everybody sees who is there, what was written in the
	// last 30 days, and who is typing.
	room := hotsock.ChannelClaims{
		Subscribe:    hotsock.Allow,
		HistoryStart: now.Add(-30 * 24 * time.Hour),
		Messages: map[string]hotsock.MessageClaims{
			"chat":   {Publish: hotsock.Allow, Store: 30 * 24 * time.Hour, React: hotsock.Allow},
			"typing": {Publish: hotsock.Allow},
		},
	}
	// Notifications: only the app writes, and the client gets what it missed.
	inbox := hotsock.ChannelClaims{
		AutoSubscribe: hotsock.Allow,
		HistoryStart:  now.Add(-7 * 24 * time.Hour),
	}
	// Shared state: who may see it and who may change it.
	board := hotsock.ChannelClaims{
		Subscribe: hotsock.Allow,
		Storage: map[string]hotsock.StorageClaims{
			"*":      {Observe: hotsock.Allow, Get: hotsock.Allow},
			"card.*": {Set: hotsock.Allow},
		},
	}
	// Reminders: up to a year ahead, and the one who set it gets it, too.
	reminders := hotsock.ChannelClaims{
		Subscribe: hotsock.Allow,
		Messages: map[string]hotsock.MessageClaims{
			"reminder": {Publish: hotsock.Allow, Echo: hotsock.Allow, ScheduleBefore: now.AddDate(1, 0, 0)},
		},
	}
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope:   hotsock.ScopeConnect,
		Expires: now.Add(time.Minute), // to connect; the connection goes on
		UID:     user,
		Channels: map[string]hotsock.ChannelClaims{
			"presence.room.*":   room,
			"presence.room.hr":  {Subscribe: hotsock.Deny}, // one denial outweighs all
			"inbox." + user:     inbox,
			"board.7":           board,
			"reminders." + user: reminders,
		},
	}, key)

	fmt.Println(token != "", err)
	// Output: true <nil>
}

func Example_authenticate() {
	sessionUser := func(*http.Request) (string, bool) { return "jim", true }

	rt, err := hotsock.New(hotsock.Options{
		Authenticate: func(r *http.Request) (*hotsock.Claims, error) {
			user, ok := sessionUser(r)
			if !ok {
				return nil, errors.New("no session")
			}
			return &hotsock.Claims{
				UID: user,
				Channels: map[string]hotsock.ChannelClaims{
					"inbox." + user: {AutoSubscribe: hotsock.Allow},
				},
			}, nil
		},
	})

	fmt.Println(err, rt.Close())
	// Output: <nil> <nil>
}

func Example_publish() {
	ctx := context.Background()
	const connectionID = "JCnTZd_KoAMCF-A="
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}

	sent, err := rt.Publish(ctx, hotsock.Message{
		Channel:         "inbox.jim",
		Event:           "order.shipped",
		Data:            map[string]any{"order": 17},
		Store:           7 * 24 * time.Hour,
		DeduplicationID: "order-17-shipped", // so it can be tried again
	})

	fmt.Println(sent.ID != "", err)

	reminder, err := rt.Publish(ctx, hotsock.Message{
		Channel: "inbox.jim", Event: "reminder", Data: "Standup", At: time.Now().Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	err = rt.CancelSchedule(ctx, reminder.ScheduleARN)

	fmt.Println(err)

	_, err = rt.SetStorage(ctx, hotsock.Entry{Channel: "board.7", Key: "title", Data: "Launch"})

	fmt.Println(err)

	_, err = rt.Publish(ctx, hotsock.Message{
		Channel: "room.7", Event: "chat", Data: "I'm on my way", Store: 7 * 24 * time.Hour,
		From:    &hotsock.Member{UID: "jim"},
		Exclude: connectionID, // as the page sent it; it shows the message already
	})

	fmt.Println(err)

	fmt.Println(err, rt.Close())
	// Output:
	// true <nil>
	// <nil>
	// <nil>
	// <nil>
	// <nil> <nil>
}

func Example_errors() {
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	_, err = rt.Publish(context.Background(), hotsock.Message{Channel: "no spaces, please", Event: "x"})
	if e, ok := errors.AsType[*hotsock.Error](err); ok && e.Code == hotsock.CodeUnavailable {
		log.Print("nothing was accepted: try again later")
	}

	fmt.Println(err != nil)
	// Output: true
}

func Example_events() {
	rt, err := hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{key.Key()},
		Events: hotsock.EventSinkFunc(func(_ context.Context, e hotsock.Event) error {
			if member, ok := e.Data.(hotsock.EventMemberData); ok {
				log.Print(e.Type, " ", e.Metadata.Channel, " ", member.UID)
			}
			return nil
		}),
	})

	fmt.Println(err, rt.Close())
	// Output: <nil> <nil>
}
