package protocoltest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	goclient "github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
)

// A list of several pages is sent to those who follow changes, and not to others.
func TestPagesOfMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: connects many")
	}
	const (
		name   = "presence.room"
		many   = 150
		claims = `{"presence.*":{"subscribe":true}}`
		follow = `{"event":"hotsock.subscribe","channel":"presence.room","data":{"presence":"changes"}}`
	)
	everywhere(t, nil, func(t *testing.T, e *env) {
		umd := `"` + strings.Repeat("x", 1000) + `"`
		for i := range many {
			c := e.connect(t, withUMD(fmt.Sprint("u", i), umd, claims))
			c.send(follow)
			c.Until("hotsock.subscribed")
			defer c.Cut()
		}
		e.connect(t, user("late", claims)).do(`{"event":"hotsock.subscribe","channel":"presence.room"}`,
			failure(name, "PRESENCE_CHANNEL_CAPACITY_REACHED"))
		for i, n := range e.nodes {
			c, err := goclient.New(goclient.Options{URL: n.base, HTTPClient: e.http, Token: func(context.Context) (string, error) {
				return token(t, user(fmt.Sprint("follower", i), claims)), nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			s, err := c.Subscribe(t.Context(), name, nil)
			if err != nil {
				t.Fatal(err)
			}
			// All pages have come by now.
			if got := s.Members(); len(got) < many+1 || got[0].UID != "u0" || got[many-1].UID != fmt.Sprint("u", many-1) || string(got[0].UMD) != umd {
				t.Errorf("%d members", len(got))
			}
			await.That(t, "the last to be known", func() bool { return len(s.Members()) == many+1+i })
		}
	})
}
