package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// follow receives n messages whose data are 0 to n-1, and nothing else. It counts
// them.
func follow(ctx context.Context, s *Subscription, n int, got *atomic.Int64) error {
	last := ""
	for want := range n {
		event, err := s.Next(ctx)
		if err != nil {
			return fmt.Errorf("waiting for %d: %w", want, err)
		}
		m, ok := event.(Message)
		if !ok || string(m.Data) != fmt.Sprint(want) || m.ID <= last {
			return fmt.Errorf("got %#v after %q, want %d", event, last, want)
		}
		last = m.ID
		got.Add(1)
	}
	return nil
}

// Connections are reset at random while messages are published. Every subscriber gets
// each of them once, in order.
func TestNothingIsLostOrDoubled(t *testing.T) {
	const messages, subscribers = 2000, 3
	s := newSite(t, nil)
	s.publish("room", "first", nil, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()

	var following sync.WaitGroup
	var proxies []*redistest.Proxy
	var connected atomic.Int64
	var got [subscribers]atomic.Int64
	for i := range subscribers {
		x, url := s.proxy()
		proxies = append(proxies, x)
		c := s.clientWith(Options{
			URL: url, Token: tokens("Jim", nil), MinDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond,
			OnState: func(st State) {
				if st.Status == Connected {
					connected.Add(1)
				}
			},
		})
		sub := subscribe(t, c, "room", nil)
		following.Go(func() {
			if err := follow(ctx, sub, messages, &got[i]); err != nil {
				t.Error(err)
			}
		})
	}

	for n := range messages {
		s.publish("room", "e", n, time.Duration(n%2)*time.Hour)
		if n%10 > 0 {
			continue
		}
		before := connected.Load()
		if x := proxies[rand.IntN(subscribers)]; n%20 == 0 {
			x.Reset()
		} else {
			x.CutAnswers(1 + rand.IntN(10_000)) // which may be in the middle of catching up
		}
		if n%100 > 0 {
			continue
		}
		await.That(t, "another connection", func() bool { return connected.Load() > before })
		// Who has missed more than the server replays is told of a gap.
		for i := range got {
			await.That(t, "the slow ones", func() bool { return got[i].Load() > int64(n-500) })
		}
	}
	following.Wait()
	t.Logf("there were %d reconnects", connected.Load()-subscribers)
}

// A server is replaced by another one on the same Redis during a conversation.
func TestServerRestart(t *testing.T) {
	const messages = 300
	server := redistest.StartServer(t)
	newStore := func() store.Store {
		client := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		st, err := storeredis.New(client, storeredis.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	// What is behind the address changes.
	old, replacement := newSite(t, newStore()), newSite(t, newStore())
	var target atomic.Pointer[site]
	target.Store(old)
	var d net.Dialer
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			address := strings.TrimSuffix(strings.TrimPrefix(target.Load().url, "http://"), "/rt")
			return d.DialContext(ctx, network, address)
		},
	}
	connect := func(uid string) *Client {
		return old.clientWith(Options{
			URL: "http://app/rt", Token: tokens(uid, nil), HTTPClient: &http.Client{Transport: transport},
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	replacement.publish("room", "first", nil, 0)
	jim, pam := connect("Jim"), connect("Pam")
	sub := subscribe(t, jim, "room", nil)

	received := make(chan []string, 1)
	go func() {
		var all []string
		for {
			event, err := sub.Next(ctx)
			m, ok := event.(Message)
			if err != nil || !ok {
				t.Errorf("got %#v, %v", event, err)
				break
			}
			if m.Event == "end" {
				break
			}
			all = append(all, string(m.Data))
		}
		received <- all
	}()
	var stop sync.WaitGroup
	for n := range messages {
		if n == messages/2 {
			target.Store(replacement)
			stop.Go(func() {
				if err := old.h.Shutdown(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		if _, err := pam.Publish(ctx, "room", "e", n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pam.Publish(ctx, "room", "end", nil); err != nil {
		t.Fatal(err)
	}
	got := <-received
	stop.Wait()
	// All is there once, in order.
	for n := range messages {
		want := strconv.Itoa(n)
		if len(got) > 0 && got[0] == want {
			got = got[1:]
		} else {
			t.Fatalf("%s is not there; then come %q", want, got[:min(len(got), 5)])
		}
	}
	if len(got) > 0 {
		t.Fatalf("%q came besides", got[:min(len(got), 5)])
	}
}

// A memory store's window can be left: then the program is told.
func TestGap(t *testing.T) {
	s := newSite(t, nil)
	first := s.publish("room", "e", 0, 0)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	sub := subscribe(t, c, "room", nil)

	x.Refuse()
	last := ""
	for range 1001 {
		last = s.publish("room", "e", 0, 0)
	}
	x.Heal()
	if diff := cmp.Diff(Gap{After: first, Last: last}, next[Gap](t, sub)); diff != "" {
		t.Fatalf("gap (-want +got):\n%s", diff)
	}
	id := s.publish("room", "e", 1, 0)
	if m := next[Message](t, sub); m.ID != id {
		t.Fatalf("got %+v, want %s", m, id)
	}
}

// Without permission to see the past, nothing can be caught up with. That is
// told, unless it is certain that nothing is missing.
func TestReconnectWithoutHistory(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", func(c *hotsock.Claims) {
		c.Channels = map[string]hotsock.ChannelClaims{"room": {Subscribe: hotsock.Allow}}
	})})
	after := s.publish("room", "e", 0, 0)
	sub := subscribe(t, c, "room", nil)
	before := c.ConnectionID()
	x.Reset()
	awaitResubscribed(t, c, sub, before)
	x.Refuse()
	missed := s.publish("room", "e", 1, 0)
	x.Heal()
	if diff := cmp.Diff(Gap{After: after, Last: missed}, next[Gap](t, sub)); diff != "" {
		t.Fatalf("gap (-want +got):\n%s", diff)
	}
}

// A lossy store does not deliver messages with the event "lost".
type lossy struct {
	store.Store
	store.Receiver
}

func (l *lossy) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	l.Receiver = r
	return l.Store.Join(ctx, l, o)
}

func (l *lossy) Deliver(item *store.Item) {
	if item.Message == nil || item.Message.Event != "lost" {
		l.Receiver.Deliver(item)
	}
}

// The server says unasked that it lost track, on a connection that stands.
func TestServerLosesTrack(t *testing.T) {
	l := &lossy{Store: storememory.New()}
	s := newSite(t, l)
	c := s.client("Jim", nil)
	sub := subscribe(t, c, "room", nil)
	id := c.ConnectionID()
	first := s.publish("room", "e", 0, 0)
	next[Message](t, sub)
	lost := s.publish("room", "lost", 1, 0)
	l.Lost("room")
	if diff := cmp.Diff(Gap{After: first, Last: lost}, next[Gap](t, sub)); diff != "" {
		t.Fatalf("gap (-want +got):\n%s", diff)
	}
	s.publish("room", "e", 2, 0)
	wantJSON(t, next[Message](t, sub).Data, "2")
	if c.ConnectionID() != id {
		t.Fatal("the connection is another one")
	}
}

// A program that receives nothing for a while gets everything in the end, and
// neither its commands nor its other subscriptions wait.
func TestSlowProgram(t *testing.T) {
	s := newSite(t, nil)
	s.publish("room", "first", nil, 0)
	c := s.clientWith(Options{URL: s.url, Token: tokens("Jim", nil), MaxQueueSize: 10 * eventSize})
	slow, quick := subscribe(t, c, "room", nil), subscribe(t, c, "quick", nil)
	const messages = 500
	for n := range messages {
		s.publish("room", "e", n, 0)
	}
	id, err := c.Publish(soon(t), "quick", "e", 1)
	if err != nil {
		t.Fatal(err)
	}
	if m := next[Message](t, quick); m.ID != id {
		t.Fatalf("got %+v", m)
	}
	c.mu.Lock()
	state, waiting := slow.state, len(slow.queue)
	c.mu.Unlock()
	if state != behind || waiting > 10 {
		t.Fatalf("state %d with %d events", state, waiting)
	}
	if err := follow(soon(t), slow, messages, new(atomic.Int64)); err != nil {
		t.Fatal(err)
	}
}

// An answer to each message, from the loop that receives them: a program that
// waits for its own publishes must not wait for itself.
func TestPublishFromTheLoop(t *testing.T) {
	s := newSite(t, nil)
	c := s.clientWith(Options{URL: s.url, Token: tokens("Jim", nil), MaxQueueSize: 5 * eventSize})
	s.publish("room", "first", nil, 0)
	s.publish("answers", "first", nil, 0)
	sub, answers := subscribe(t, c, "room", nil), subscribe(t, c, "answers", nil)
	const messages = 100
	for n := range messages {
		s.publish("room", "e", n, 0)
	}
	for n := range messages {
		if _, err := c.Publish(soon(t), "answers", "e", n); err != nil {
			t.Fatal(err)
		}
		next[Message](t, sub)
	}
	if err := follow(soon(t), answers, messages, new(atomic.Int64)); err != nil {
		t.Fatal(err)
	}
}

// awaitResubscribed returns when the subscription lives on another connection
// than that before.
func awaitResubscribed(t *testing.T, c *Client, sub *Subscription, before string) {
	t.Helper()
	await.That(t, "another subscription", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.conn != nil && c.conn.id != before && sub.state == live
	})
}
