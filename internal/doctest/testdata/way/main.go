// Command way publishes one message over a WebSocket, several times, and writes
// what code each ran to a folder for each. TestWay builds it with coverage. With
// the address of a Redis server as a second argument, that has the store.
package main

import (
	"context"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/coverage"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// times is how often a message is published: what is not on its way, such as a timer,
// does not fire each time.
const times = 3

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func run(folder string, redisAddr []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := hotsock.Options{Authenticate: func(*http.Request) (*hotsock.Claims, error) {
		return &hotsock.Claims{UID: "ann", Channels: map[string]hotsock.ChannelClaims{
			"c*": {Subscribe: hotsock.Allow, Messages: map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Allow, Echo: hotsock.Allow}}},
		}}, nil
	}}
	if len(redisAddr) > 0 {
		client := redis.NewClient(&redis.Options{Addr: redisAddr[0]})
		defer client.Close()
		s, err := storeredis.New(client, storeredis.Options{})
		if err != nil {
			return err
		}
		options.Store = s
	}
	h, err := hotsock.New(options)
	if err != nil {
		return err
	}
	defer h.Close()
	server := httptest.NewServer(h)
	defer server.Close()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	exchange := func(command string, answers int) error {
		if command != "" {
			if err := c.Write(ctx, websocket.MessageText, []byte(command)); err != nil {
				return err
			}
		}
		for range answers {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	if err := exchange("", 1); err != nil {
		return err
	}
	for i := range times {
		n := strconv.Itoa(i)
		// A channel and an event of its own, so that nothing is remembered of them.
		if err := exchange(`{"event":"hotsock.subscribe","channel":"c`+n+`"}`, 1); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond) // until that is over
		if err := coverage.ClearCounters(); err != nil {
			return err
		}
		if err := exchange(`{"event":"e`+n+`","channel":"c`+n+`","data":{"n":1}}`, 1); err != nil {
			return err
		}
		out := filepath.Join(folder, n)
		if err := os.Mkdir(out, 0o700); err != nil {
			return err
		}
		if err := coverage.WriteMetaDir(out); err != nil {
			return err
		}
		if err := coverage.WriteCountersDir(out); err != nil {
			return err
		}
	}
	return nil
}
