package hotsock

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestRealName(t *testing.T) {
	connect := claimsGrant(t, `{"channels":{"room.1":{"alias":"one"},"lobby":{},"*":{"subscribe":true}}}`)
	subscribe := claimsGrant(t, `{"channels":{"room.2":{"alias":"two"},"one":{},"room.3":{"alias":"lobby"}}}`)
	for _, test := range []struct {
		name      string
		subscribe *grant
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
		if got := newPermissions(connect).realName(test.name, test.subscribe); got != test.want {
			t.Errorf("%q is %q, want %q: %s", test.name, got, test.want, test.why)
		}
	}
}

func TestRealNameBySubscription(t *testing.T) {
	p := newPermissions(claimsGrant(t, `{"channels":{"room.1":{"alias":"one"},"*":{"subscribe":true}}}`))
	check := func(when, name, want string) {
		t.Helper()
		if got := p.realName(name, nil); got != want {
			t.Errorf("%s, %q is %q, want %q", when, name, got, want)
		}
	}
	token := func(channels string) *grant { return claimsGrant(t, `{"channels":`+channels+`}`) }

	p.subscribed("room.2", token(`{"room.2":{"alias":"two"},"room.3":{"alias":"three"}}`))
	check("subscribed with a token", "two", "room.2")
	check("subscribed with a token for more than this channel", "three", "three")

	p.subscribed("two", token(`{"two":{}}`))
	check("subscribed to a channel with the name of an alias", "two", "two")
	p.unsubscribed("two")
	check("after that subscription", "two", "room.2")

	p.subscribed("room.4", token(`{"room.4":{"alias":"two"}}`))
	check("with the alias given again", "two", "room.4")
	p.unsubscribed("room.2")
	check("after the first one with that alias has gone", "two", "room.4")
	p.unsubscribed("room.4")
	check("after both have gone", "two", "two")

	p.subscribed("room.5", token(`{"room.5":{"alias":"one"}}`))
	check("with an alias of the connect token given to another", "one", "room.5")
	p.unsubscribed("room.5")
	check("after that", "one", "room.1")

	p.subscribed("room.1", token(`{"room.1":{"alias":"uno"}}`))
	check("with another alias", "uno", "room.1")
	check("with another alias, the old one still", "one", "room.1")
	p.subscribed("room.1", nil)
	check("subscribed again without the token", "uno", "uno")
	p.unsubscribed("room.1")
	p.unsubscribed("room.1") // of what has ended, does nothing
}

func TestPermissionsWithSubscribeToken(t *testing.T) {
	p := newPermissions(claimsGrant(t, `{"channels":{"c":{"subscribe":true}}}`))
	token := claimsGrant(t, `{"channels":{"c":{"messages":{"e":{"publish":true}}},"d":{"subscribe":true}}}`)

	before := p.channel("c")
	if before.event("e").publish {
		t.Error("may publish before subscribing with the token")
	}
	g := p.subscribed("c", token)
	if !g.event("e").publish || p.channel("c") != g {
		t.Error("may not publish while subscribed with the token")
	}
	if p.channel("d").subscribe {
		t.Error("the token permits another channel than the one subscribed with it")
	}
	p.unsubscribed("c")
	if c := p.channel("c"); c.event("e").publish || !c.subscribe {
		t.Error("the token permits things after the subscription")
	}
}

func TestPermissionsAreRememberedWithinABound(t *testing.T) {
	p := newPermissions(claimsGrant(t, `{"channels":{"*":{"subscribe":true}}}`))
	subscribed := p.subscribed("subscribed", nil)
	first := p.channel("first")
	if p.channel("first") != first {
		t.Error("decided twice in a row")
	}
	for i := range 1000 {
		if !p.channel(fmt.Sprint("other", i)).subscribe {
			t.Fatal("not permitted")
		}
	}
	if p.channel("first") == first {
		t.Error("a decision is still there after a thousand others")
	}
	if p.channel("subscribed") != subscribed {
		t.Error("that of a subscription is not")
	}
}

func TestPermissionsAreSafeForConcurrentUse(t *testing.T) {
	p := newPermissions(claimsGrant(t, `{"channels":{"a":{"alias":"x","subscribe":true}}}`))
	token := claimsGrant(t, `{"channels":{"b":{"alias":"y","subscribe":true}}}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				p.subscribed("b", token)
				if p.realName("x", nil) != "a" || !p.channel("a").subscribe {
					t.Error("a")
				}
				p.unsubscribed("b")
			}
		})
	}
	wg.Wait()
	if p.realName("y", nil) != "y" || p.channel("b").subscribe {
		t.Error("a subscription that ended is still there")
	}
}

func TestRememberedPermissionsAllocateNothing(t *testing.T) {
	p := newPermissions(claimsGrant(t, `{"channels":{"a":{"alias":"x"},"*":{}}}`))
	p.subscribed("b", nil)
	if n := testing.AllocsPerRun(100, func() { p.channel("b"); p.channel(p.realName("x", nil)); p.channel("c") }); n > 0 {
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
		g := claimsGrant(t, test.payload)
		if got := g.bound(test.connection, test.uid) == nil; got != test.want {
			t.Errorf("%s is bound to connection %q of %q: %t: %s", test.payload, test.connection, test.uid, got, test.why)
		}
	}
}

func TestTokenMayConnect(t *testing.T) {
	if claimsGrant(t, `{"uid":"u"}`).permitConnect() != nil {
		t.Error("a token without a connectionId may not connect")
	}
	if claimsGrant(t, `{"uid":"u","connectionId":"1"}`).permitConnect() == nil {
		t.Error("a token with a connectionId may connect")
	}
}

func TestTokenMayUpdateUMD(t *testing.T) {
	g := claimsGrant(t, `{"channels":{"a":{"umdUpdate":true},"b*":{"umdUpdate":true},"b2":{"umdUpdate":false},"c":{}}}`)
	for channel, want := range map[string]bool{"a": true, "b1": true, "b2": false, "c": false, "d": false, "": false} {
		if got := g.mayUpdateUMD(channel); got != want {
			t.Errorf("may update on %q: %t", channel, got)
		}
	}
	g = claimsGrant(t, `{"umdUpdate":true,"channels":{"a":{}}}`)
	if !g.mayUpdateUMD("") || g.mayUpdateUMD("a") {
		t.Error("the top-level claim is for the connection, and for nothing else")
	}
}

func TestTokenUse(t *testing.T) {
	use := func(payload string) string {
		once := claimsGrant(t, payload).once
		if once == nil || !once.until.Equal(time.Unix(9, 0)) || len(once.token) != 32 {
			t.Fatalf("%s: use is %v", payload, once)
		}
		return once.token
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
	if claimsGrant(t, `{"jti":"1","exp":9}`).once != nil {
		t.Error("a token without singleUse is good for one use only")
	}
}
