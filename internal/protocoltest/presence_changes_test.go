package protocoltest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	goclient "github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
)

// Section 6: following changes.
func TestMembersChanged(t *testing.T) {
	const (
		channel = "presence.room"
		claims  = `{"presence.*":{"subscribe":true,"umdUpdate":true}}`
		list    = `{"event":"hotsock.subscribe","channel":"presence.room"}`
		follow  = `{"event":"hotsock.subscribe","channel":"presence.room","data":{"presence":"changes"}}`
		leave   = `{"event":"hotsock.unsubscribe","channel":"presence.room"}`
	)
	changed := func(data string) string {
		return `{"event":"hotsock.membersChanged","channel":"presence.room","data":{` + data + `}}`
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim, pam := member("Jim", "null"), member("Pam", `{"desk":1}`)
		c1 := e.connect(t, user("Jim", claims))
		c1.do(`{"event":"hotsock.subscribe","channel":"presence.room","data":{"presence":"all"}}`, failure(channel, "INVALID_REQUEST"))
		c1.do(follow, joined(channel, jim, jim))
		c2 := e.connect(t, withUMD("Pam", `{"desk":1}`, claims))
		c2.do(list, joined(channel, pam, jim, pam))
		c1.expect(changed(`"added":[` + pam + `],"count":2`))

		grow := token(t, `{"scope":"umd","uid":"Pam","umd":2,"channels":{"*":{"umdUpdate":true}}}`)
		c2.send(`{"event":"hotsock.umdUpdate","channel":"presence.room","data":{"token":"` + grow + `"}}`)
		pam = member("Pam", "2")
		c1.expect(changed(`"updated":[` + pam + `],"count":2`))
		c2.Until("hotsock.memberUpdated")
		c2.send(leave)
		c1.expect(changed(`"removed":["Pam"],"count":1`))

		// On a channel that is subscribed already, the form changes with a catch-up.
		c1.do(`{"event":"hotsock.subscribe","channel":"presence.room","data":{"after":null}}`,
			`{"event":"hotsock.subscribed","channel":"presence.room","data":{"members":[`+jim+`],"lastId":"$last"},"meta":`+jim+`}`)
		al := member("Al", "null")
		c3 := e.connect(t, user("Al", claims))
		c3.do(follow, joined(channel, al, jim, al))
		c1.expect(change("Added", channel, al, jim, al))
	})
}

// However members come and go, those who are sent lists, those who follow changes, on
// any node, and the server know the same whenever it is quiet.
func TestMembersAreTheSameEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: members come and go for some time")
	}
	const (
		comers = 60
		rounds = 4
		each   = 150 // changes
		claims = `{"presence.*":{"subscribe":true,"getInfo":true}}`
		name   = "presence.room"
		list   = `{"event":"hotsock.subscribe","channel":"presence.room"}`
		follow = `{"event":"hotsock.subscribe","channel":"presence.room","data":{"presence":"changes"}}`
		leave  = `{"event":"hotsock.unsubscribe","channel":"presence.room"}`
	)
	everywhere(t, nil, func(t *testing.T, e *env) {
		var wg sync.WaitGroup
		defer wg.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		lists := new(bystander)
		c := e.connect(t, user("lists", claims))
		lists.watch(t, c, &wg, name)
		defer c.Cut()
		var followers []*goclient.Subscription
		for i, n := range e.nodes {
			cl, err := goclient.New(goclient.Options{URL: n.base, HTTPClient: e.http, Token: func(context.Context) (string, error) {
				return token(t, user(fmt.Sprint("follower", i), claims)), nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cl.Close() }()
			s, err := cl.Subscribe(ctx, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for {
					if _, err := s.Next(ctx); err != nil {
						return
					}
				}
			})
			followers = append(followers, s)
		}
		clients := make([]*wsMember, comers)
		for i := range clients {
			clients[i] = &wsMember{c: e.connect(t, user(fmt.Sprint("u", i), claims))}
			wg.Go(func() { clients[i].read() })
			defer clients[i].c.Cut()
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range rounds {
			for range each {
				m := clients[random.IntN(comers)]
				switch {
				case m.there:
					m.c.send(leave)
				case random.IntN(2) == 0:
					m.c.send(list)
				default:
					m.c.send(follow)
				}
				m.there = !m.there
				await.Pass(time.Duration(random.IntN(10))*time.Millisecond, "until somebody else comes or goes")
			}
			await.That(t, "all to know the same", func() bool {
				var info struct{ Members []goclient.User }
				a := e.server(t, http.MethodGet, "/channels/"+name, "")
				if err := json.Unmarshal([]byte(a.body), &info); err != nil {
					t.Fatal(err)
				}
				want := 1 + len(followers)
				for _, m := range clients {
					if m.there {
						want++
					}
				}
				for _, s := range followers {
					if fmt.Sprint(s.Members()) != fmt.Sprint(info.Members) {
						return false
					}
				}
				lists.mu.Lock()
				defer lists.mu.Unlock()
				return len(info.Members) == want && len(lists.lists[name]) == want && len(lists.followed[name]) == want
			})
		}
	})
}

// A wsMember is a client that comes and goes, and is not interested in what it is told.
type wsMember struct {
	c     *client
	there bool
}

func (m *wsMember) read() {
	for {
		if _, err := m.c.TryNext(); err != nil {
			return
		}
	}
}
