package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// streaming makes this program a node that streams one message, until it is asked to
// end: it is the URL of its Redis, the prefix of the keys, and the time of a token.
const streaming = "HOTSOCK_FAULTS_STREAMING"

// What such a node prints, each with an id or a number of tokens, on a line of its own.
const (
	streamBegun   = "stream: "
	streamFlushed = "flushed: "
	streamWritten = "written: "
)

func tell(kind string, what any) { _, _ = fmt.Fprint(os.Stdout, kind, what, "\n") }

// tokenText is the n-th token of a stream. No other one is like it.
func tokenText(n int) string { return fmt.Sprintf("%d👋\" ", n) }

// runStreaming is the program.
func runStreaming(what string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var (
		address, prefix string
		every           time.Duration
	)
	if _, err := fmt.Sscanf(what, "%q %q %d", &address, &prefix, &every); err != nil {
		return err
	}
	rdb, err := dialRedis(address)
	if err != nil {
		return err
	}
	defer rdb.Close()
	s, err := storeredis.New(rdb, storeredis.Options{KeyPrefix: prefix})
	if err != nil {
		return err
	}
	rt, err := hotsock.New(hotsock.Options{Store: s, Authenticate: func(*http.Request) (*hotsock.Claims, error) {
		return nil, errors.New("nobody connects to this node")
	}})
	if err != nil {
		return err
	}
	return errors.Join(writeTokens(ctx, rt, every), rt.Shutdown(context.Background()))
}

// dialRedis takes addresses as examples/server does.
func dialRedis(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: append([]string{u.Host}, u.Query()["addr"]...), MasterName: u.Query().Get("master_name"),
		ContextTimeoutEnabled: true, MaxRetries: -1,
	}), nil
}

// writeTokens writes a token at a time until ctx ends.
func writeTokens(ctx context.Context, rt *hotsock.Handler, every time.Duration) error {
	answer, err := rt.Stream(context.Background(), hotsock.Message{Channel: editChannel, Event: "answer", Store: time.Hour})
	if err != nil {
		return err
	}
	tell(streamBegun, answer.ID())
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		if _, err := answer.WriteString(tokenText(n)); err != nil {
			return err
		}
		if n%64 == 0 {
			if err := answer.Flush(); err != nil {
				return err
			}
			tell(streamFlushed, n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tell(streamWritten, n)
			return answer.Close()
		}
	}
}
