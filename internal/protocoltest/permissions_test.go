package protocoltest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Section 3, seen from outside: each row asks for one thing under some
// permissions. The rules themselves are tested where they are decided.
func TestPermissions(t *testing.T) {
	const (
		subscribe = `{"event":"hotsock.subscribe","channel":"room"}`
		publish   = `{"event":"chat","channel":"room","data":1,"ref":"r"}`
		set       = `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,"ref":"r"}`
		get       = `{"event":"hotsock.channelStorageGet","channel":"room","key":"k"}`
		ok        = "ok"
	)
	for _, tt := range []struct {
		why      string
		channels string // of the connect token
		joined   bool   // subscribed before
		command  string
		want     string // ok or the code of an error
	}{
		{"nothing is permitted by default", `{}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"nor by a key without directives", `{"room":{}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"an exact key", `{"room":{"subscribe":true}}`, false, subscribe, ok},
		{"the exact key of another channel", `{"rooms":{"subscribe":true}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"keys have a case", `{"Room":{"subscribe":true}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"a wildcard", `{"r*m":{"subscribe":true}}`, false, subscribe, ok},
		{"it matches the empty run", `{"room*":{"subscribe":true}}`, false, subscribe, ok},
		{"a wildcard for others", `{"r*x":{"subscribe":true}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"a regular expression is not anchored", `{"#regex:oo":{"subscribe":true}}`, false, subscribe, ok},
		{"unless it says so", `{"#regex:^oo":{"subscribe":true}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"an explicit false outdoes any true", `{"room":{"subscribe":true},"r*":{"subscribe":false},"#regex:r":{"subscribe":true}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},
		{"autoSubscribe does not outdo false", `{"room":{"autoSubscribe":true,"subscribe":false}}`, false, subscribe, "SUBSCRIBE_PERMISSION_DENIED"},

		{"publish needs permission", `{"room":{"subscribe":true}}`, true, publish, "PUBLISH_PERMISSION_DENIED"},
		{"publish", `{"room":{"subscribe":true,"messages":{"chat":{"publish":true}}}}`, true, publish, ok},
		{"publish needs a subscription", `{"room":{"subscribe":true,"messages":{"chat":{"publish":true}}}}`, false, publish, "NOT_SUBSCRIBED"},
		{"broadcast does not", `{"room":{"messages":{"chat":{"broadcast":true}}}}`, false, publish, ok},
		{"broadcast is good while subscribed too", `{"room":{"subscribe":true,"messages":{"chat":{"broadcast":true}}}}`, true, publish, ok},
		{"publish false outdoes broadcast", `{"room":{"messages":{"chat":{"broadcast":true},"*":{"publish":false}}}}`, false, publish, "PUBLISH_PERMISSION_DENIED"},
		{"broadcast false leaves publish", `{"room":{"subscribe":true,"messages":{"chat":{"publish":true,"broadcast":false}}}}`, true, publish, ok},
		{"the event of another key", `{"room":{"subscribe":true,"messages":{"chat.*":{"publish":true}}}}`, true, publish, "PUBLISH_PERMISSION_DENIED"},
		{"an event by a regular expression", `{"room":{"subscribe":true,"messages":{"#regex:^c":{"publish":true}}}}`, true, publish, ok},
		{"a false of another channel key counts", `{"room":{"subscribe":true,"messages":{"chat":{"publish":true}}},"*":{"messages":{"*":{"publish":false}}}}`, true, publish, "PUBLISH_PERMISSION_DENIED"},
		{"messages of one key, subscribe of another", `{"room":{"messages":{"chat":{"publish":true}}},"*":{"subscribe":true}}`, true, publish, ok},
		{"subscribe false does not take messages away", `{"room":{"subscribe":false},"r*":{"messages":{"chat":{"broadcast":true}}}}`, false, publish, ok},

		{"set needs permission", `{"room":{"storage":{"k":{"get":true,"observe":true}}}}`, false, set, "STORAGE_PERMISSION_DENIED"},
		{"set needs no subscription", `{"room":{"storage":{"k":{"set":true}}}}`, false, set, ok},
		{"set by a pattern", `{"#regex:^r":{"storage":{"*":{"set":true}}}}`, false, set, ok},
		{"set denied by another pattern", `{"room":{"storage":{"k":{"set":true},"*":{"set":false}}}}`, false, set, "STORAGE_PERMISSION_DENIED"},
		{"get needs permission", `{"room":{"storage":{"k":{"set":true,"observe":true}}}}`, false, get, "STORAGE_PERMISSION_DENIED"},
		{"get needs no subscription", `{"room":{"storage":{"k":{"get":true}}}}`, false, get, ok},
		{"get of another key", `{"room":{"storage":{"kk":{"get":true}}}}`, false, get, "STORAGE_PERMISSION_DENIED"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				c := e.connect(t, user("Jim", tt.channels))
				if tt.joined {
					c.Subscribe("room")
				}
				want := map[string]string{
					subscribe: `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`,
					publish:   `{"event":"hotsock.ack","channel":"room","data":{"id":"$id"},"ref":"r"}`,
					set:       `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`,
					get:       `{"event":"hotsock.channelStorageData","channel":"room","key":"k","data":null,"meta":null}`,
				}[tt.command]
				if tt.want != ok {
					want = failure("room", tt.want)
					if strings.Contains(tt.command, `"ref"`) {
						want = strings.TrimSuffix(want, "}") + `,"ref":"r"}`
					}
				}
				c.do(tt.command, want)
				c.ExpectNothing()
			})
		})
	}
}

// A subscribe token adds to what the connect token permits, for as long as the
// subscription lives, over the WebSocket and over HTTP on any node.
func TestSubscribeTokenAddsPermissions(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"messages":{"never":{"publish":false},"chat":{"store":60}}}}`))
		extra := token(t, as("subscribe", "Jim", `{"room":{"subscribe":true,"getInfo":true,"historyStart":0,
			"messages":{"*":{"publish":true,"echo":true,"broadcast":true},"chat":{"store":5}},
			"storage":{"*":{"set":true,"get":true}}}}`))
		const info = `{"channel":"room"}`
		c.call(t, "getChannelInfo", info).wantError(t, 403, "INFO_PERMISSION_DENIED")
		c.do(`{"event":"hotsock.subscribe","channel":"room"}`, failure("room", "SUBSCRIBE_PERMISSION_DENIED"))
		for range 2 { // the second time after leaving and coming back
			c.do(`{"event":"chat","channel":"room"}`, failure("room", "PUBLISH_PERMISSION_DENIED"))
			c.do(`{"event":"hotsock.subscribe","channel":"room","data":{"token":"`+extra+`"}}`,
				`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`)
			c.call(t, "getChannelInfo", info).want(t, 200, `{"channel":"room","subscriptionsCount":1}`)
			c.do(`{"event":"chat","channel":"room"}`,
				`{"id":"$_","event":"chat","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
			c.call(t, "publishMessage", `{"channel":"room","event":"chat"}`).want(t, 202, `{"channel":"room","event":"chat"}`)
			c.expect(`{"id":"$_","event":"chat","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
			// What the connect token denies stays denied.
			c.do(`{"event":"never","channel":"room"}`, failure("room", "PUBLISH_PERMISSION_DENIED"))
			c.call(t, "channelStorageSet", `{"channel":"room","key":"k","data":1}`).
				want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`)
			c.do(`{"event":"hotsock.unsubscribe","channel":"room"}`,
				`{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`)
			c.call(t, "getChannelInfo", info).wantError(t, 403, "INFO_PERMISSION_DENIED")
			c.call(t, "channelStorageSet", `{"channel":"room","key":"k","data":1}`).wantError(t, 403, "STORAGE_PERMISSION_DENIED")
			// Broadcast is a matter of connect tokens only.
			c.do(`{"event":"chat","channel":"room"}`, failure("room", "PUBLISH_PERMISSION_DENIED"))
		}
	})
}

// Of several keys that set a number, the most specific one counts; the
// subscribe token's before the connect token's.
func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		why                string
		connect, subscribe string // "messages" of each, of the channel keys that follow
		kept               bool
	}{
		{"nothing is kept by default", `"room":{"messages":{"*":{}}}`, ``, false},
		{"the exact event key before the wildcard", `"room":{"messages":{"chat":{"store":60},"*":{"store":0}}}`, ``, true},
		{"whichever says more", `"room":{"messages":{"chat":{"store":0},"*":{"store":60}}}`, ``, false},
		{"the longer wildcard", `"room":{"messages":{"c*":{"store":0},"ch*":{"store":60}}}`, ``, true},
		{"a wildcard before a regular expression", `"room":{"messages":{"c*":{"store":60},"#regex:chat":{"store":0}}}`, ``, true},
		{"of two alike, the first by name", `"room":{"messages":{"*hat":{"store":60},"cha*":{"store":0}}}`, ``, true},
		{"the exact channel before another", `"room":{"messages":{"*":{"store":60}}},"*":{"messages":{"chat":{"store":0}}}`, ``, true},
		{"the subscribe token's wildcard before the connect token's name", `"room":{"messages":{"chat":{"store":0}}}`, `"*":{"messages":{"*":{"store":60}}}`, true},
		{"one that is not set does not count", `"room":{"messages":{"chat":{"store":60}}}`, `"room":{"messages":{"chat":{"echo":false}}}`, true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				c := e.connect(t, user("Jim", `{"#regex:room":{"subscribe":true,"messages":{"#regex:.":{"publish":true}}},`+tt.connect+`}`))
				tok := token(t, as("subscribe", "Jim", `{`+tt.subscribe+`}`))
				c.do(`{"event":"hotsock.subscribe","channel":"room","data":{"token":"`+tok+`"}}`,
					`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`)
				c.do(`{"event":"chat","channel":"room","ref":"1"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id1"},"ref":"1"}`)
				want := `{"messages":[]}`
				if tt.kept {
					want = `{"messages":[{"id":"$id1","event":"chat","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}]}`
				}
				c.history(t, "room", "").want(t, 200, want)
			})
		})
	}
}

// Aliases: what a client calls a channel.
func TestAliases(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		claims := user("Jim", `{
			"room.123":{"alias":"lobby","subscribe":true,"getInfo":true,"messages":{"*":{"publish":true,"echo":true,"store":60}},"storage":{"*":{"set":true,"get":true,"observe":true}}},
			"room.456":{"alias":"attic","subscribe":true},
			"*":{"messages":{"*":{"broadcast":true}}}}`)
		c := e.connect(t, claims)
		const (
			subscribed   = `{"event":"hotsock.subscribed","channel":"room.123","data":{},"meta":{"channelAlias":"lobby","uid":"Jim","umd":null}}`
			unsubscribed = `{"event":"hotsock.unsubscribed","channel":"room.123","data":{},"meta":{"channelAlias":"lobby","uid":"Jim","umd":null}}`
		)
		c.do(`{"event":"hotsock.subscribe","channel":"lobby"}`, subscribed)
		// Errors repeat the name that the client used.
		c.do(`{"event":"hotsock.subscribe","channel":"lobby"}`, failure("lobby", "ALREADY_SUBSCRIBED"))
		c.do(`{"event":"hotsock.subscribe","channel":"room.123"}`, failure("room.123", "ALREADY_SUBSCRIBED"))
		for _, name := range []string{"lobby", "room.123"} {
			c.do(fmt.Sprintf(`{"event":"chat","channel":%q}`, name), `{"id":"$idm","event":"chat","channel":"room.123","data":null,"meta":{"uid":"Jim","umd":null}}`)
			e.forget("idm")
			c.call(t, "getChannelInfo", fmt.Sprintf(`{"channel":%q}`, name)).want(t, 200, `{"channel":"room.123","subscriptionsCount":1}`)
		}
		c.call(t, "publishMessage", `{"channel":"lobby","event":"chat","data":2}`).want(t, 202, `{"channel":"lobby","event":"chat"}`)
		c.expect(`{"id":"$_","event":"chat","channel":"room.123","data":2,"meta":{"uid":"Jim","umd":null}}`)
		c.do(`{"event":"hotsock.channelStorageSet","channel":"lobby","key":"k","data":1}`,
			`{"event":"hotsock.channelStorageUpdated","channel":"room.123","key":"k","data":1,"meta":{"uid":"Jim","umd":null}}`)
		c.do(`{"event":"hotsock.channelStorageGet","channel":"lobby","key":"k"}`,
			`{"event":"hotsock.channelStorageData","channel":"room.123","key":"k","data":1,"meta":{"uid":"Jim","umd":null}}`)
		c.call(t, "channelStorageGet", `{"channel":"lobby","key":"k"}`).
			want(t, 200, `{"event":"hotsock.channelStorageData","channel":"room.123","key":"k","data":1,"meta":{"uid":"Jim","umd":null}}`)
		c.do(`{"event":"hotsock.unsubscribe","channel":"lobby"}`, unsubscribed)
		c.do(`{"event":"hotsock.subscribe","channel":"room.123"}`, subscribed,
			`{"event":"hotsock.channelStorageUpdated","channel":"room.123","key":"k","data":1,"meta":{"uid":"Jim","umd":null}}`)
		c.do(`{"event":"hotsock.unsubscribe","channel":"room.123"}`, unsubscribed)
		c.do(`{"event":"hotsock.unsubscribe","channel":"lobby"}`, failure("lobby", "NOT_SUBSCRIBED"))
		// An alias of one client is a plain name for another.
		other := e.connect(t, user("Pam", `{"lobby":{"subscribe":true}}`))
		other.do(`{"event":"hotsock.subscribe","channel":"lobby"}`, `{"event":"hotsock.subscribed","channel":"lobby","data":{},"meta":{"uid":"Pam","umd":null}}`)
	})
}

// The alias of a subscribe token is good while the subscription lives.
func TestAliasOfSubscribeToken(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room.1":{"alias":"old"},"mine":{"messages":{"*":{"broadcast":true}}}}`))
		tok := token(t, as("subscribe", "Jim", `{"room.1":{"alias":"new","subscribe":true,"messages":{"*":{"publish":true,"echo":true}}}}`))
		subscribe := func(name string) string {
			return fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":{"token":%q}}`, name, tok)
		}
		const subscribed = `{"event":"hotsock.subscribed","channel":"room.1","data":{},"meta":{"channelAlias":"new","uid":"Jim","umd":null}}`
		for _, name := range []string{"new", "old", "room.1"} {
			c.do(subscribe(name), subscribed)
			c.do(`{"event":"e","channel":"new"}`, `{"id":"$_","event":"e","channel":"room.1","data":null,"meta":{"uid":"Jim","umd":null}}`)
			c.do(`{"event":"hotsock.unsubscribe","channel":"new"}`, strings.Replace(subscribed, ".subscribed", ".unsubscribed", 1))
			c.do(`{"event":"hotsock.unsubscribe","channel":"new"}`, failure("new", "NOT_SUBSCRIBED"))
		}
	})
}

// Section 3: a directive of time, end to end.
func TestHistoryStart(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const publisher = `{"room":{"subscribe":true,"messages":{"*":{"publish":true,"store":60}}}}`
		p := e.connect(t, user("Pam", publisher))
		p.Subscribe("room")
		p.do(`{"event":"e","channel":"room","data":1,"ref":"1"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id1"},"ref":"1"}`)
		message := func(n int) string {
			return fmt.Sprintf(`{"id":"$id%d","event":"e","channel":"room","data":%d,"meta":{"uid":"Pam","umd":null}}`, n, n)
		}
		readers := map[string]*client{
			"":                  e.connect(t, user("", `{"room":{"subscribe":true}}`)),
			`"historyStart":0,`: e.connect(t, user("", `{"room":{"subscribe":true,"historyStart":0}}`)),
			"later":             e.connect(t, user("", fmt.Sprintf(`{"room":{"subscribe":true,"historyStart":%d}}`, time.Now().Add(time.Hour).Unix()))),
		}
		for _, r := range readers {
			r.Subscribe("room")
		}
		p.do(`{"event":"e","channel":"room","data":2,"ref":"2"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id2"},"ref":"2"}`)
		for _, r := range readers {
			r.expect(message(2))
		}
		readers[""].history(t, "room", "").want(t, 200, `{"messages":[`+message(2)+`]}`)
		readers[`"historyStart":0,`].history(t, "room", "").want(t, 200, `{"messages":[`+message(1)+`,`+message(2)+`]}`)
		readers["later"].history(t, "room", "").want(t, 200, `{"messages":[]}`)
		// The window of a subscription starts again with each.
		readers[""].do(`{"event":"hotsock.unsubscribe","channel":"room"}`, `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null}}`)
		readers[""].history(t, "room", "").wantError(t, 403, "NOT_SUBSCRIBED")
		readers[""].Subscribe("room")
		readers[""].history(t, "room", "").want(t, 200, `{"messages":[]}`)
	})
}
