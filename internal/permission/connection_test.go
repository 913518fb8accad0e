package permission

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRealName(t *testing.T) {
	connect := grantOf(t, `{"channels":{"room.1":{"alias":"one"},"lobby":{},"*":{"subscribe":true}}}`)
	subscribe := grantOf(t, `{"channels":{"room.2":{"alias":"two"},"one":{},"room.3":{"alias":"lobby"}}}`)
	for _, test := range []struct {
		name      string
		subscribe *Grant
		want, why string
	}{
		{"lobby", nil, "lobby", "named exactly"},
		{"room.1", nil, "room.1", "a channel with an alias keeps its name"},
		{"one", nil, "room.1", "an alias, though * matches it as a name"},
		{"room.9", nil, "room.9", "neither exact nor alias"},
		{"two", nil, "two", "alias of a token that is not in use"},
		{"two", subscribe, "room.2", "alias of the command's token"},
		{"one", subscribe, "one", "named exactly by the command's token, before the alias of the other"},
		{"lobby", subscribe, "lobby", "named exactly by the connect token, before the alias of the other"},
	} {
		if got := NewConnection(connect).RealName(test.name, test.subscribe); got != test.want {
			t.Errorf("%q is %q, want %q: %s", test.name, got, test.want, test.why)
		}
	}
}

func TestRealNameBySubscription(t *testing.T) {
	p := NewConnection(grantOf(t, `{"channels":{"room.1":{"alias":"one"},"*":{"subscribe":true}}}`))
	check := func(when, name, want string) {
		t.Helper()
		if got := p.RealName(name, nil); got != want {
			t.Errorf("%s, %q is %q, want %q", when, name, got, want)
		}
	}
	token := func(channels string) *Grant { return grantOf(t, `{"channels":`+channels+`}`) }

	subscribed(p, "room.2", token(`{"room.2":{"alias":"two"},"room.3":{"alias":"three"}}`))
	check("subscribed with a token", "two", "room.2")
	check("subscribed with a token for more than this channel", "three", "three")

	subscribed(p, "two", token(`{"two":{}}`))
	check("subscribed to a channel with the name of an alias", "two", "two")
	p.Unsubscribed("two")
	check("after that subscription", "two", "room.2")

	subscribed(p, "room.4", token(`{"room.4":{"alias":"two"}}`))
	check("with the alias given again", "two", "room.4")
	p.Unsubscribed("room.2")
	check("after the first one with that alias has gone", "two", "room.4")
	p.Unsubscribed("room.4")
	check("after both have gone", "two", "two")

	subscribed(p, "room.5", token(`{"room.5":{"alias":"one"}}`))
	check("with an alias of the connect token given to another", "one", "room.5")
	p.Unsubscribed("room.5")
	check("after that", "one", "room.1")

	subscribed(p, "room.1", token(`{"room.1":{"alias":"uno"}}`))
	check("with another alias", "uno", "room.1")
	check("with another alias, the old one still", "one", "room.1")
	subscribed(p, "room.1", nil)
	check("subscribed again without the token", "uno", "uno")
	p.Unsubscribed("room.1")
	p.Unsubscribed("room.1") // of what has ended, does nothing
}

func TestConnectionWithSubscribeToken(t *testing.T) {
	p := NewConnection(grantOf(t, `{"channels":{"c":{"subscribe":true}}}`))
	token := grantOf(t, `{"channels":{"c":{"messages":{"e":{"publish":true}}},"d":{"subscribe":true}}}`)

	before := p.Channel("c")
	if before.Event("e").Publish {
		t.Error("may publish before subscribing with the token")
	}
	g := subscribed(p, "c", token)
	if !g.Event("e").Publish || p.Channel("c") != g {
		t.Error("may not publish while subscribed with the token")
	}
	if p.Channel("d").Subscribe {
		t.Error("the token permits another channel than the one subscribed with it")
	}
	p.Unsubscribed("c")
	if c := p.Channel("c"); c.Event("e").Publish || !c.Subscribe {
		t.Error("the token permits things after the subscription")
	}
}

func TestConnectionsAreRememberedWithinABound(t *testing.T) {
	p := NewConnection(grantOf(t, `{"channels":{"#regex:.":{"subscribe":true}}}`))
	ours := subscribed(p, "subscribed", nil)
	first := p.Channel("first")
	if p.Channel("first") != first {
		t.Error("decided twice in a row")
	}
	for i := range 1000 {
		if !p.Channel(fmt.Sprint("other", i)).Subscribe {
			t.Fatal("not permitted")
		}
	}
	if p.Channel("first") == first {
		t.Error("a decision is still there after a thousand others")
	}
	if p.Channel("subscribed") != ours {
		t.Error("that of a subscription is not")
	}
}

// TestChannelsWithTheSameRulesAreOne: where the token has few keys, all channels that the
// same of them match have the same permissions, and need no room of their own.
func TestChannelsWithTheSameRulesAreOne(t *testing.T) {
	p := NewConnection(grantOf(t, `{"channels":{"a.*":{"subscribe":true},"*.b":{"getInfo":true},"*.b.c":{},"x":{}}}`))
	kinds := make(map[*Channel]bool)
	for i := range 1000 {
		for _, name := range []string{"a.%d", "%d.b", "a.%d.b", "a.%d.b.c", "%d"} {
			ch := p.Channel(fmt.Sprintf(name, i))
			kinds[ch] = true
			if ch.Subscribe != strings.HasPrefix(name, "a.") || ch.GetInfo != strings.HasSuffix(name, ".b") {
				t.Fatalf("%s: %v %v", name, ch.Subscribe, ch.GetInfo)
			}
		}
	}
	if len(kinds) != 5 || len(p.matched) != 5 || p.others != nil {
		t.Errorf("%d kinds of channels, %d remembered", len(kinds), len(p.matched))
	}
	p.Refresh(grantOf(t, `{"channels":{"a.*":{}}}`))
	if p.Channel("a.1").Subscribe {
		t.Error("an old token's permissions are still there")
	}
}

func TestConnectionsAreSafeForConcurrentUse(t *testing.T) {
	p := NewConnection(grantOf(t, `{"channels":{"a":{"alias":"x","subscribe":true}}}`))
	token := grantOf(t, `{"channels":{"b":{"alias":"y","subscribe":true}}}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				subscribed(p, "b", token)
				if p.RealName("x", nil) != "a" || !p.Channel("a").Subscribe {
					t.Error("a")
				}
				p.Unsubscribed("b")
			}
		})
	}
	wg.Wait()
	if p.RealName("y", nil) != "y" || p.Channel("b").Subscribe {
		t.Error("a subscription that ended is still there")
	}
}

func TestRememberedPermissionsAllocateNothing(t *testing.T) {
	p := NewConnection(grantOf(t, `{"channels":{"a":{"alias":"x"},"*":{}}}`))
	subscribed(p, "b", nil)
	if n := testing.AllocsPerRun(100, func() { p.Channel("b"); p.Channel(p.RealName("x", nil)); p.Channel("c") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTokenIsBoundTo(t *testing.T) {
	for _, test := range []struct {
		payload         string
		connection, uid string
		want            bool
		why             string
	}{
		{`{"connectionId":"1"}`, "1", "", true, "the connection"},
		{`{"connectionId":"1","uid":"v"}`, "1", "u", true, "the connection, to be another user there"},
		{`{"connectionId":"1"}`, "2", "", false, "another connection"},
		{`{"connectionId":"1","uid":"u"}`, "2", "u", false, "another connection of the same user: it is bound to one"},
		{`{"uid":"u"}`, "1", "u", true, "any connection of the user"},
		{`{"uid":"u"}`, "1", "v", false, "another user"},
		{`{"uid":"u"}`, "1", "", false, "a connection without a user"},
		{`{}`, "1", "u", false, "nobody's token"},
		{`{}`, "1", "", false, "nobody's token is not for a connection without a user"},
	} {
		g := grantOf(t, test.payload)
		if got := g.CheckConnection(test.connection, test.uid) == nil; got != test.want {
			t.Errorf("%s is bound to connection %q of %q: %t: %s", test.payload, test.connection, test.uid, got, test.why)
		}
	}
}

func TestTokenMayConnect(t *testing.T) {
	if grantOf(t, `{"uid":"u"}`).CheckConnect() != nil {
		t.Error("a token without a connectionId may not connect")
	}
	if grantOf(t, `{"uid":"u","connectionId":"1"}`).CheckConnect() == nil {
		t.Error("a token with a connectionId may connect")
	}
}

func TestTokenMayUpdateUMD(t *testing.T) {
	g := grantOf(t, `{"channels":{"a":{"umdUpdate":true},"b*":{"umdUpdate":true},"b2":{"umdUpdate":false},"c":{}}}`)
	for channel, want := range map[string]bool{"a": true, "b1": true, "b2": false, "c": false, "d": false, "": false} {
		if got := g.MayUpdateUMD(channel); got != want {
			t.Errorf("may update on %q: %t", channel, got)
		}
	}
	g = grantOf(t, `{"umdUpdate":true,"channels":{"a":{}}}`)
	if !g.MayUpdateUMD("") || g.MayUpdateUMD("a") {
		t.Error("the top-level claim is for the connection, and for nothing else")
	}
}

func TestSingleUse(t *testing.T) {
	use := func(payload string) string {
		once := grantOf(t, payload).SingleUse
		if once == nil || !once.Until.Equal(time.Unix(9, 0)) || len(once.Token) != 32 {
			t.Fatalf("%s: use is %v", payload, once)
		}
		return once.Token
	}
	a := use(`{"singleUse":true,"jti":"1","exp":9}`)
	if b := use(`{"singleUse":true,"jti":"1","exp":9,"uid":"u"}`); b != a {
		t.Error("two tokens with one jti are different")
	}
	if b := use(`{"singleUse":true,"jti":"2","exp":9}`); b == a {
		t.Error("two tokens with their own jti are one")
	}
	if b := use(`{"singleUse":true,"jti":"1","iss":"x","exp":9}`); b == a {
		t.Error("two tokens of different issuers are one")
	}
	if grantOf(t, `{"jti":"1","exp":9}`).SingleUse != nil {
		t.Error("a token without SingleUse is good for one use only")
	}
}

// subscribed makes p subscribed to a channel with a token's grant or nil, and
// returns what it may do there.
func subscribed(p *Connection, channel string, token *Grant) *Channel {
	ch := p.Resolve(channel, Added{Subscribe: token})
	p.Subscribed(channel, ch)
	return ch
}
