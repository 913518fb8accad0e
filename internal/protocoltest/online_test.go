package protocoltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// Who and what is there is told alike by every node.
func TestOnline(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim1, jim2, pam := e.connect(t, user("Jim", everything)), e.connect(t, user("Jim", everything)), e.connect(t, user("Pam", everything))
		jim1.Subscribe("presence.room", "room.1")
		jim2.Subscribe("presence.room")
		pam.Subscribe("presence.room", "room.2", "room.1")
		for i, n := range e.nodes {
			ctx, cancel := e.context()
			defer cancel()
			online, err := n.Online(ctx, "Jim", "Pam", "Dwight")
			if want := map[string]int{"Jim": 2, "Pam": 1}; err != nil || !maps.Equal(online, want) {
				t.Errorf("node %d: Online: %v, %v, want %v", i, online, err, want)
			}
			channels, err := n.Channels(ctx, hotsock.ChannelQuery{})
			want := []hotsock.ChannelSummary{
				{Name: "presence.room", SubscriptionsCount: 3, MembersCount: 2},
				{Name: "room.1", SubscriptionsCount: 2},
				{Name: "room.2", SubscriptionsCount: 1},
			}
			if err != nil || !slices.Equal(channels.Items, want) {
				t.Errorf("node %d: Channels: %v, %v, want %v", i, channels, err, want)
			}
			channels, err = n.Channels(ctx, hotsock.ChannelQuery{Prefix: "room.", Limit: 1})
			if err != nil || !slices.Equal(channels.Items, want[1:2]) || channels.Next != "room.1" {
				t.Errorf("node %d: the first channel with a prefix: %v, %v", i, channels, err)
			}
			conns, err := n.Connections(ctx, hotsock.ConnectionQuery{UID: "Jim"})
			if err != nil {
				t.Fatal(err)
			}
			subscriptions := map[string]int{}
			for _, c := range conns.Items {
				subscriptions[c.ID] = c.SubscriptionsCount
				if c.UID != "Jim" || c.SourceIP != "127.0.0.1" || time.Since(c.ConnectedAt) > time.Hour {
					t.Errorf("node %d: a connection is %+v", i, c)
				}
			}
			if want := map[string]int{jim1.ID: 2, jim2.ID: 1}; !maps.Equal(subscriptions, want) {
				t.Errorf("node %d: Connections: %v, want %v", i, subscriptions, want)
			}
			if all, err := n.Connections(ctx, hotsock.ConnectionQuery{}); err != nil || len(all.Items) != 3 {
				t.Errorf("node %d: all connections: %v, %v", i, all, err)
			}
		}

		jim1.other(t, "GET", "/users?uid=Pam&uid=Dwight&uid=Jim&uid=Pam", "").
			want(t, 200, `{"users":[{"uid":"Pam","connections":1},{"uid":"Jim","connections":2}]}`)
		jim1.other(t, "GET", "/channels?prefix=presence.", "").
			want(t, 200, `{"channels":[{"name":"presence.room","subscriptionsCount":3,"membersCount":2}]}`)
		jim1.other(t, "GET", "/channels?after=room.1", "").want(t, 200, `{"channels":[{"name":"room.2","subscriptionsCount":1}]}`)
		jim1.other(t, "GET", "/connections?uid=Pam", "").want(t, 200, fmt.Sprintf(`{"connections":[{"id":%q,"uid":"Pam","umd":null,`+
			`"connectedAt":"$_","sourceIp":"127.0.0.1","userAgent":"$_","subscriptionsCount":3}]}`, pam.ID))
		jim1.other(t, "GET", "/users", "").wantError(t, 400, "INVALID_REQUEST")
		jim1.other(t, "GET", "/users?uid="+strings.Repeat("x", 129), "").wantError(t, 400, "INVALID_REQUEST")
		jim1.other(t, "GET", "/users?uid=%FF", "").wantError(t, 400, "INVALID_REQUEST")

		pam.other(t, "DELETE", "/users/Jim/connections", "")
		await.That(t, "only Pam is left", func() bool {
			ctx, cancel := e.context()
			defer cancel()
			online, err := e.anyNode().Online(ctx, "Jim", "Pam")
			channels, err2 := e.anyNode().Channels(ctx, hotsock.ChannelQuery{Prefix: "presence."})
			return err == nil && err2 == nil && maps.Equal(online, map[string]int{"Pam": 1}) &&
				slices.Equal(channels.Items, []hotsock.ChannelSummary{{Name: "presence.room", SubscriptionsCount: 1, MembersCount: 1}})
		})
	})
}

// A channel that is subscribed on all nodes is one channel of a page, and pages miss
// and repeat none.
func TestPagesOfChannels(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		want := map[string]int{}
		for range 3 {
			c := e.connect(t, user("Jim", everything))
			for i := range 40 {
				name := fmt.Sprintf("room.%d", i)
				c.Subscribe(name)
				want[name]++
			}
		}
		got := map[string]int{}
		for q := (hotsock.ChannelQuery{Prefix: "room.", Limit: 7}); ; {
			ctx, cancel := e.context()
			page, err := e.anyNode().Channels(ctx, q)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Items {
				got[c.Name] += c.SubscriptionsCount
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
