//go:build !race

package hotsock

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

// What the hot path allocates is part of its design: these are the exact
// numbers, so that none grows unnoticed.
func TestAllocations(t *testing.T) {
	acc := publishing(t)
	clientPublish := clientPublisher(t, nil)
	publish := httpPublish(t)
	writes, client := &storeWriter{opts: &Options{}}, &connection{id: "1", sourceIP: "192.0.2.1"}
	for _, tt := range []struct {
		what string
		f    func()
		want float64
	}{
		{"a permission that has been decided before", func() {
			if _, err := acc.permitPublish("chat"); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"a frame: its bytes, and what all subscribers point to", func() { itemFrame(plainItem) }, 2},
		{"the origin of what a connection publishes, but for the first", func() {
			who, p := client.source(), store.PublishRequest{}
			writes.keepOrigin(&p, &who, false)
		}, 0},
		{"a publish over HTTP: request and answer", publish, 6},
		{"a client's publish without a hook, in the store too", clientPublish, 3},
		{"a client's command that publishes: also its channel and event", clientCommand(t), 5},
	} {
		if n := testing.AllocsPerRun(100, tt.f); n != tt.want {
			t.Errorf("%s: %v allocations, not %v", tt.what, n, tt.want)
		}
	}
}

// A delivery costs the frame, however many subscribers it is for.
func TestDeliveringAllocatesOnce(t *testing.T) {
	for _, subscribers := range []int{1, 100} {
		t.Run(fmt.Sprint(subscribers), func(t *testing.T) {
			inRig(t, Options{Authenticate: func(*http.Request) (*Claims, error) { return everything("Jim"), nil }}, func(t *testing.T, r *rig) {
				var clients []*wstest.Conn
				for range subscribers {
					c := r.connect("Jim")
					c.Subscribe("room.1")
					clients = append(clients, c)
				}
				const runs = 30
				deliver := func() { r.h.hub.deliver(plainItem) }
				// The first round makes room in the queues, the second is counted. In
				// both, the first frame keeps each connection's writer busy.
				for round := range 2 {
					deliver()
					synctest.Wait()
					n := testing.AllocsPerRun(runs, deliver)
					if round == 1 && n != 2 {
						t.Errorf("%v allocations, not 2", n)
					}
					for _, c := range clients {
						for range 2 + runs {
							c.Expect("chat")
						}
					}
				}
			})
		})
	}
}

// A subscribe works out once what may be done on the channel: with many keys that
// match, it allocates no more than one resolution of them does.
func TestSubscribingResolvesOnce(t *testing.T) {
	const many = 100
	channel := strings.Repeat("c", many)
	claims := func(keys int) *Claims {
		c := &Claims{UID: "Jim", Channels: map[string]ChannelClaims{channel: {Subscribe: Allow}}}
		for i := range keys {
			c.Channels[channel[:i]+"*"] = ChannelClaims{GetInfo: Allow}
		}
		return c
	}
	var subscribing, resolving []float64
	for _, keys := range []int{0, many} {
		inRig(t, Options{Authenticate: func(*http.Request) (*Claims, error) { return claims(keys), nil }}, func(t *testing.T, r *rig) {
			r.connect("Jim")
			c := r.h.conns.ofUser("Jim")[0]
			resolving = append(resolving, testing.AllocsPerRun(100, func() { c.perms.Resolve(channel, permission.Added{}) }))
			subscribing = append(subscribing, testing.AllocsPerRun(100, func() {
				c.ops.Lock()
				defer c.ops.Unlock()
				req := subscribeRequest{name: channel, channel: channel, charged: true}
				if err := c.trySubscribe(&req, &wire.Command{Event: wire.EventSubscribe, Channel: channel}); err != nil {
					t.Fatal(err)
				}
				c.endSubscription(c.subscription(channel))
			}))
		})
	}
	more, once := subscribing[1]-subscribing[0], resolving[1]-resolving[0]
	if once < 4 || more > 1.5*once {
		t.Errorf("%v allocations for more keys, and %v for resolving them once", more, once)
	}
}
