//go:build !race

package protocoltest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// TestStreamLoad has a hundred answers written at once, at 50 tokens a second each, before
// viewers who reload. Every text is right in the end, and a token costs Redis at most half of
// what it costs to publish and keep it alone.
func TestStreamLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: needs a Redis server")
	}
	need.Program(t, "redis-server", "redis-server")
	srv := redistest.StartServer(t)
	client := goredis.NewClient(&goredis.Options{Addr: srv.Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	s, err := storeredis.New(client, storeredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, []store.Store{s, s}, nil)
	const answers, tokens, published, each = 100, 500, 100, 20 * time.Millisecond
	claims := `{"room*":{"subscribe":true,"historyStart":0}}`

	// paced calls f for so many tokens of each answer, at 50 a second, and returns the Redis
	// time of one. The answers do not begin together.
	paced := func(tokens int, f func(answer, token int), end func(answer int)) time.Duration {
		before := cpu(t, srv)
		var wg sync.WaitGroup
		for a := range answers {
			wg.Go(func() {
				<-time.After(time.Duration(a) * each / answers)
				tick := time.NewTicker(each)
				defer tick.Stop()
				for i := range tokens {
					<-tick.C
					f(a, i)
				}
				end(a)
			})
		}
		wg.Wait()
		return (cpu(t, srv) - before) / time.Duration(answers*tokens)
	}
	token := func(a, i int) string { return fmt.Sprintf("tok%d-%d ", a, i) }
	channel := func(a int) string { return fmt.Sprint("room", a) }

	streams := make([]*hotsock.Stream, answers)
	views := make([]shown, answers)
	clients := make([]*reloading, answers)
	for a := range answers {
		c := e.connectTo(t, (a+1)%2, user("", claims))
		c.Subscribe(channel(a))
		clients[a] = &reloading{c, channel(a)}
	}
	publish := func(keep time.Duration) time.Duration {
		return paced(published, func(a, i int) {
			m := hotsock.Message{Channel: channel(a), Event: "token", Data: token(a, i), Store: keep}
			if _, err := e.nodes[a%2].Publish(context.Background(), m); err != nil {
				t.Error(err)
			}
		}, func(int) {})
	}
	unkept, kept := publish(0), publish(time.Hour)

	for a := range answers {
		streams[a], err = e.nodes[a%2].Stream(t.Context(), hotsock.Message{Channel: channel(a), Event: "answer", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for a := range answers {
		wg.Go(func() {
			v, id := &views[a], streams[a].ID()
			for reloaded := false; v.state == "open" || v.state == ""; {
				v.apply(t, clients[a].Next().Text, id)
				if !reloaded && v.version > 5+a%50 {
					reloaded = true
					clients[a].Cut()
					*v = shown{}
					clients[a] = clients[a].again(t, e, claims, v, id)
				}
			}
		})
	}
	streamed := paced(tokens, func(a, i int) {
		if _, err := streams[a].WriteString(token(a, i)); err != nil {
			t.Error(err)
		}
	}, func(a int) {
		if err := streams[a].Close(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	for a := range answers {
		var want strings.Builder
		for i := range tokens {
			want.WriteString(token(a, i))
		}
		if v := views[a]; v.text != want.String() || v.state != "complete" {
			t.Errorf("answer %d: %d of %d bytes, %s", a, len(v.text), want.Len(), v.state)
		}
	}
	t.Logf("Redis time of a token: %v streamed, with reloads; %v published, %v kept", streamed, unkept, kept)
	if streamed > kept/2 {
		t.Errorf("a token that is streamed costs Redis %v, published %v, and kept %v", streamed, unkept, kept)
	}
}

// A reloading is a viewer that can reload.
type reloading struct {
	*client
	channel string
}

// again connects as a page does that is loaded again: it subscribes, and then loads the
// history.
func (c *reloading) again(t *testing.T, e *env, claims string, v *shown, id string) *reloading {
	n := &reloading{e.connectTo(t, c.node, user("", claims)), c.channel}
	n.Subscribe(c.channel)
	page, err := e.nodes[c.node].History(context.Background(), hotsock.HistoryQuery{Channel: c.channel, Reverse: true, Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != id {
		t.Errorf("the history: %+v, %v", page.Items, err)
		return n
	}
	m := page.Items[0]
	v.version, v.state = int(m.Version), m.Stream.State
	if err := json.Unmarshal(m.Data, &v.text); err != nil {
		t.Error(err)
	}
	return n
}

// cpu is how much time of a processor Redis has used. That of its commands alone, which
// INFO has too, goes on while the machine runs something else.
func cpu(t *testing.T, srv *redistest.Server) (sum time.Duration) {
	t.Helper()
	info, err := srv.Client().Info(t.Context(), "cpu").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += time.Duration(seconds * float64(time.Second))
		}
	}
	return sum
}
