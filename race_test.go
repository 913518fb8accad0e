package hotsock

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// Everything that touches a connection, a channel or the handler happens at the
// same time, in real time, until the handler is shut down. The race detector is
// the judge, and so nothing here takes a lock of its own, which would order it.
func TestEverythingAtOnce(t *testing.T) {
	h, s, url := newRaced(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var busy sync.WaitGroup
	repeat := func(f func()) {
		busy.Go(func() {
			for ctx.Err() == nil {
				f()
			}
		})
	}
	for i := range 2 * raceUsers {
		uid := raceUser(i)
		commands := raceCommands(t, uid)
		repeat(func() { raceClient(ctx, url+uid, commands) })
	}
	every := func(pause time.Duration, f func()) {
		repeat(func() {
			await.Pass(pause, "until the next time")
			f()
		})
	}
	every(time.Millisecond, func() { _, _ = h.UnsubscribeUser(ctx, raceUser(rand.Int()), raceChannel()) })
	every(300*time.Millisecond, func() { _, _ = h.DisconnectUser(ctx, raceUser(rand.Int())) })
	every(time.Millisecond, func() {
		h.Stats()
		_, _ = h.ChannelInfo(ctx, raceChannel())
		_ = h.Ready(ctx)
	})
	every(time.Millisecond, func() { _, _ = h.Publish(ctx, Message{Channel: raceChannel(), Event: "e"}) })
	every(time.Millisecond, func() { _, _ = h.SetStorage(ctx, Entry{Channel: raceChannel(), Key: "k", Data: rand.Int()}) })
	every(5*time.Millisecond, func() { s.receiver.Lost(raceChannel()) })
	every(50*time.Millisecond, func() { s.receiver.Rejoin() })
	every(50*time.Millisecond, func() {
		s.down.Store(true)
		await.Pass(2*time.Millisecond, "while the store is away")
		s.down.Store(false)
	})
	tokens := make(map[string]string)
	for i := range raceUsers {
		tokens[raceUser(i)] = tokenSign(t, raceClaims(raceUser(i)), tokenHS256)
	}
	every(time.Millisecond, func() {
		for _, c := range h.conns.all() {
			for _, op := range []string{peerLookup, peerUMD} {
				_, _ = h.peers.ask(ctx, h.node.ID(), &peerRequest{
					Op: op, Connection: c.id, Secret: c.secret[:], Channel: raceChannel(), Token: tokens[c.uid()],
				})
			}
		}
	})
	await.Pass(1700*time.Millisecond, "for the race detector to see much")
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	busy.Wait()
	if n := len(h.conns.all()); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// What others do with a connection races with none of the client's commands. One
// kind is repeated at a time, as each orders what it meets.
func TestOthersAtAConnection(t *testing.T) {
	h, _, url := newRaced(t)
	ctx, cancel := context.WithCancel(t.Context())
	var client sync.WaitGroup
	client.Go(func() {
		for ctx.Err() == nil {
			raceClient(ctx, url+"ann", raceCommands(t, "ann"))
		}
	})
	defer func() {
		cancel()
		client.Wait()
	}()
	for _, others := range []func(c *connection){
		func(c *connection) { c.subscriptions() },
		func(c *connection) { c.subscription("c") },
		func(c *connection) { c.meta() },
		func(c *connection) { c.hasEnded() },
		func(c *connection) { c.retryBytes(new(subscribeRequest)) },
		func(c *connection) { c.takesList() },
		func(c *connection) { c.chargeList(0) },
		func(c *connection) { c.close(reasonHost) },
		func(c *connection) { c.unsubscribeByHost("presence.a", "") },
		func(c *connection) { c.resyncAll() },
		func(c *connection) { c.perms.RealName("c", nil) },
		func(c *connection) { c.perms.Channel("c") },
		func(c *connection) {
			for _, s := range c.subscriptions() {
				s.meta()
			}
		},
		func(c *connection) {
			for _, s := range c.subscriptions() {
				s.hasGap()
			}
		},
		func(c *connection) {
			if t := c.h.hub.topic("c"); t != nil {
				t.exceeded(ulid.Zero)
			}
		},
	} {
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); runtime.Gosched() {
			for _, c := range h.conns.ofUser("ann") {
				for range 100 {
					others(c)
					runtime.Gosched()
				}
			}
		}
	}
}

// newRaced returns a handler, what it keeps its state in, and where a user id
// connects.
func newRaced(t *testing.T) (*Handler, *flickeringStore, string) {
	s := &flickeringStore{Store: storememory.New()}
	h, err := New(Options{
		Store: s,
		Keys:  []Key{tokenHS256.Key()},
		Authenticate: func(r *http.Request) (*Claims, error) {
			c := everything(r.URL.Query().Get("uid"))
			c.KeepAlive = true
			c.Channels["presence.auto"] = ChannelClaims{AutoSubscribe: Allow}
			return c, nil
		},
		ConnectionRateLimit:   RateLimit{PerSecond: 1e5, Burst: 1e5},
		UserRateLimit:         RateLimit{PerSecond: 1e5, Burst: 1e5},
		MaxConnectionDuration: 1500 * time.Millisecond,
		IdleTimeout:           time.Second,
		KeepAliveInterval:     time.Second,
		MaxSubscriptions:      len(raceChannels),
		Logger:                slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, s, "ws" + server.URL[len("http"):] + "/rt/?uid="
}

// Few, so that they meet.
var raceChannels = []string{"presence.a", "presence.b", "c", "presence.auto"}

const raceUsers = 3

func raceChannel() string { return raceChannels[rand.IntN(len(raceChannels))] }

func raceUser(i int) string { return fmt.Sprint("u", i%raceUsers) }

func raceClaims(uid string) Claims {
	return Claims{
		Scope: ScopeUMD, UID: uid, UMD: json.RawMessage(`"new"`), UMDUpdate: true, UMDPropagate: true,
		Channels: map[string]ChannelClaims{"*": {UMDUpdate: Allow}},
	}
}

// raceCommands are what a client sends, in any order.
func raceCommands(t *testing.T, uid string) []string {
	umd := tokenSign(t, raceClaims(uid), tokenHS256)
	commands := []string{`{"event":"hotsock.umdUpdate","data":{"token":"` + umd + `"}}`, `{"event":"hotsock.heartbeat"}`}
	for _, channel := range raceChannels {
		for _, command := range []string{
			`"hotsock.subscribe"`,
			`"hotsock.subscribe","data":{"after":null}`,
			`"hotsock.unsubscribe"`,
			`"hotsock.channelStorageSet","key":"k","data":1`,
			`"hotsock.channelStorageGet","key":"k"`,
			`"hotsock.umdUpdate","data":{"token":"` + umd + `"}`,
			`"e","data":1`,
		} {
			commands = append(commands, `{"channel":"`+channel+`","event":`+command+`}`)
		}
	}
	return commands
}

// raceClient is one connection until it ends.
func raceClient(ctx context.Context, url string, commands []string) {
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for err == nil {
			_, _, err = c.Read(ctx)
		}
	})
	for {
		if rand.IntN(200) == 0 {
			break
		}
		if c.Write(ctx, websocket.MessageText, []byte(commands[rand.IntN(len(commands))])) != nil {
			break
		}
	}
	_ = c.CloseNow()
	reading.Wait()
}

// A flickeringStore is away for moments, and takes no locks.
type flickeringStore struct {
	store.Store
	receiver store.Receiver
	down     atomic.Bool
}

func (s *flickeringStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	s.receiver = r
	n, err := s.Store.Join(ctx, r, o)
	return &flickeringNode{n, s}, err
}

type flickeringNode struct {
	store.Node
	s *flickeringStore
}

func (n *flickeringNode) Subscribe(ctx context.Context, r store.SubscribeRequest) (store.SubscribeResult, error) {
	if n.s.down.Load() {
		return store.SubscribeResult{}, store.ErrUnavailable
	}
	return n.Node.Subscribe(ctx, r)
}

func (n *flickeringNode) Unsubscribe(ctx context.Context, u store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	if n.s.down.Load() {
		return store.SubscriptionEnd{}, store.ErrUnavailable
	}
	return n.Node.Unsubscribe(ctx, u)
}
